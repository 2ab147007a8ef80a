//! The rows of callbacks, straight from the columns.
//!
//! Nearly all rows are callbacks. Taking sixty cells out of a row to find that most are null would cost
//! more than all that is concluded from it. So which rows are callbacks, with all that they need and
//! nothing else, is found out for a whole batch at once, 64 rows a word. Any other row goes the long
//! way, [`super::columns::Arrays::row`], which also knows what is wrong with it.

use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ScalarBuffer};

use super::{columns::Arrays, row::Kind};
use crate::event::{Body, Callback, Event, Role};

/// The columns of callbacks.
pub(super) struct Callbacks {
    /// A bit a row: it is a callback, and everything that every callback has is there.
    plain: Vec<u64>,
    time: ScalarBuffer<u64>,
    cpu: ScalarBuffer<u16>,
    session: ScalarBuffer<u32>,
    role: ScalarBuffer<i8>,
    /// By what `role` holds.
    roles: Vec<Role>,
    index: ScalarBuffer<i64>,
    count: ScalarBuffer<u64>,
    full: BooleanBuffer,
    ret: Optional<i64>,
    pointer: Optional<u64>,
    private: Optional<u64>,
}

impl Callbacks {
    /// `None` if there are no callbacks.
    pub(super) fn of(arrays: &Arrays) -> Option<Self> {
        let kind = arrays.kind.as_ref()?;
        let place = kind.words().iter().position(|word| *word == Kind::Callback)?;
        let place = i8::try_from(place).ok()?;
        let mut plain: Vec<u64> = kind
            .places()
            .values()
            .chunks(64)
            .map(|rows| rows.iter().rfold(0, |word, row| word << 1 | u64::from(*row == place)))
            .collect();
        keep(&mut plain, kind.places().nulls());
        // Something is said of it that is not said of callbacks.
        without(&mut plain, arrays.shown.as_ref().map(|shown| shown as &dyn Array));
        let role = arrays.role.as_ref()?;
        Some(Self {
            time: numbers(&mut plain, arrays.time.as_ref()?),
            cpu: numbers(&mut plain, arrays.cpu.as_ref()?),
            session: numbers(&mut plain, arrays.session.as_ref()?),
            role: numbers(&mut plain, role.places()),
            roles: role.words().to_vec(),
            index: numbers(&mut plain, arrays.index.as_ref()?),
            count: numbers(&mut plain, arrays.count.as_ref()?),
            full: flags(&mut plain, arrays.full.as_ref()?),
            ret: Optional::of(arrays.ret.as_ref()),
            pointer: Optional::of(arrays.pointer.as_ref()),
            private: Optional::of(arrays.private.as_ref()),
            plain,
        })
    }

    /// The events of the rows from `row` on that are callbacks, up to one that is to go the long way;
    /// which that is.
    #[inline]
    pub(super) fn events(&self, mut row: usize, mut take: impl FnMut(Event)) -> usize {
        let Self { plain, time, cpu, session, role, roles, index, count, full, .. } = self;
        // Slices in registers: a buffer's own have to be made anew for each value.
        let (time, cpu, session) = (&time[..], &cpu[..], &session[..]);
        let (role, roles, index, count) = (&role[..], &roles[..], &index[..], &count[..]);
        let (ret, pointer) = (self.ret.slice(), self.pointer.slice());
        let private = self.private.slice();
        let cells = |row: usize| {
            if plain.get(row / 64)? >> (row % 64) & 1 == 0 {
                return None;
            }
            let role = *roles.get(usize::try_from(*role.get(row)?).ok()?)?;
            let ret = match role {
                Role::Start | Role::Next => pointer.get(row)?,
                Role::Show | Role::Stop => ret.get(row)?.cast_unsigned(),
            };
            let (time, cpu, key) = (*time.get(row)?, *cpu.get(row)?, *session.get(row)?);
            let count = u32::try_from(*count.get(row)?).ok()?;
            Some((time, cpu, key, role, ret, *index.get(row)?, count))
        };
        while let Some((time, cpu, key, role, ret, index, count)) = cells(row) {
            let (full, private) = (full.value(row), private.get(row));
            let body = Body::Callback(Callback { key, role, ret, index, count, full, private });
            take(Event { time, cpu, body });
            row += 1;
        }
        row
    }
}

/// Numbers that are not in every row.
struct Optional<N: ArrowNativeType> {
    values: Option<ScalarBuffer<N>>,
    /// Where they are: a bit a row.
    valid: Vec<u64>,
}

impl<N: ArrowNativeType> Optional<N> {
    fn of<T: ArrowPrimitiveType<Native = N>>(column: Option<&PrimitiveArray<T>>) -> Self {
        let Some(column) = column else { return Self { values: None, valid: Vec::new() } };
        let mut valid = vec![u64::MAX; column.len().div_ceil(64)];
        keep(&mut valid, column.nulls());
        Self { values: Some(column.values().clone()), valid }
    }

    fn slice(&self) -> Slice<'_, N> {
        Slice { values: self.values.as_deref().unwrap_or_default(), valid: &self.valid }
    }
}

/// The same, to look at.
#[derive(Clone, Copy)]
struct Slice<'a, N> {
    values: &'a [N],
    valid: &'a [u64],
}

impl<N: Copy> Slice<'_, N> {
    #[inline]
    fn get(self, row: usize) -> Option<N> {
        let valid = self.valid.get(row / 64)? >> (row % 64) & 1 == 1;
        self.values.get(row).copied().filter(|_| valid)
    }
}

/// The numbers of a column, and that only its rows are plain.
fn numbers<T: ArrowPrimitiveType>(
    plain: &mut [u64],
    column: &PrimitiveArray<T>,
) -> ScalarBuffer<T::Native> {
    keep(plain, column.nulls());
    column.values().clone()
}

/// The same of yes and no.
fn flags(plain: &mut [u64], column: &BooleanArray) -> BooleanBuffer {
    keep(plain, column.nulls());
    column.values().clone()
}

/// Only rows that have a value.
fn keep(plain: &mut [u64], nulls: Option<&NullBuffer>) {
    let Some(nulls) = nulls else { return };
    for (word, valid) in plain.iter_mut().zip(nulls.inner().bit_chunks().iter_padded()) {
        *word &= valid;
    }
}

/// Only rows that have none, of a column that may not be there.
fn without(plain: &mut [u64], column: Option<&dyn Array>) {
    let Some(column) = column else { return };
    let Some(nulls) = column.nulls() else { return plain.fill(0) };
    for (word, valid) in plain.iter_mut().zip(nulls.inner().bit_chunks().iter_padded()) {
        *word &= !valid;
    }
}
