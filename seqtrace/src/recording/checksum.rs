//! Checksums of batches.
//!
//! Neither Arrow's stream nor its zstd frames have a checksum: a flipped bit would become a different number. The first
//! row of each batch therefore has a CRC-32 in the column `check`, over the values of all columns before it. The
//! checksum includes that of the batch before, and the first one that of the schema, so that missing and reordered
//! batches are found, too.

use arrow_array::{Array, ArrayRef, cast::AsArray, downcast_primitive_array, types::Int8Type};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, OffsetBuffer};
use arrow_schema::{DataType, Schema};
use crc32fast::Hasher;

/// Name of the column that has the checksum.
pub(super) const COLUMN: &str = "check";

/// Returns the checksum of the schema, which that of the first batch includes.
pub(super) fn of_schema(schema: &Schema) -> u32 {
    let mut hasher = Hasher::new();
    let mut text = |text: &str| {
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    };
    // Metadata iterates in the order of its keys.
    for (key, value) in schema.metadata() {
        text(key);
        text(value);
    }
    // The name of a column determines its type.
    for field in schema.fields() {
        text(field.name());
    }
    hasher.finalize()
}

/// Returns the checksum of a batch. `before`: checksum of the batch before. `columns`: names and arrays of all columns,
/// `None` for a column that is null in all rows.
pub(super) fn of_batch<'a>(
    before: u32,
    rows: usize,
    columns: impl Iterator<Item = (&'a str, Option<&'a ArrayRef>)>,
) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&before.to_le_bytes());
    for (_, column) in columns.filter(|(name, _)| *name != COLUMN) {
        match column {
            Some(column) => array(&mut hasher, column.as_ref()),
            None => null_array(&mut hasher, rows),
        }
    }
    hasher.finalize()
}

/// Hashes an array that is null in all rows.
fn null_array(hasher: &mut Hasher, rows: usize) {
    hasher.update(&rows.to_le_bytes());
    hasher.update(&[1]);
}

fn array(hasher: &mut Hasher, array: &dyn Array) {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    if nulls.is_some_and(|nulls| nulls.null_count() == array.len()) {
        // Most columns of most batches.
        return null_array(hasher, array.len());
    }
    hasher.update(&array.len().to_le_bytes());
    match nulls {
        Some(nulls) => bits(hasher, nulls.inner()),
        None => hasher.update(&[0]),
    }
    downcast_primitive_array!(
        array => hasher.update(array.values().inner().as_slice()),
        DataType::Boolean => {
            if let Some(flags) = array.as_boolean_opt() {
                bits(hasher, flags.values());
            }
        }
        DataType::Binary => {
            if let Some(strings) = array.as_binary_opt::<i32>() {
                bytes(hasher, strings.offsets(), strings.value_data());
            }
        }
        DataType::Utf8 => {
            if let Some(strings) = array.as_string_opt::<i32>() {
                bytes(hasher, strings.offsets(), strings.value_data());
            }
        }
        DataType::List(_) => {
            if let Some(lists) = array.as_list_opt::<i32>() {
                relative_offsets(hasher, lists.offsets());
                self::array(hasher, lists.values().as_ref());
            }
        }
        DataType::Dictionary(..) => {
            if let Some(words) = array.as_dictionary_opt::<Int8Type>() {
                hasher.update(words.keys().values().inner().as_slice());
                self::array(hasher, words.values().as_ref());
            }
        }
        // The reader refuses columns of other types.
        _ => {}
    );
}

fn bits(hasher: &mut Hasher, bits: &BooleanBuffer) {
    // Whole words, with zeros after the last bit: the buffer may have other bits there.
    let mut words = [0; 512];
    let mut rest = bits.bit_chunks().iter_padded().peekable();
    while rest.peek().is_some() {
        let mut filled = 0;
        for (to, word) in words.as_chunks_mut().0.iter_mut().zip(rest.by_ref()) {
            *to = word.to_le_bytes();
            filled += to.len();
        }
        hasher.update(&words[..filled]);
    }
}

/// Hashes the offsets as if the first were 0.
fn relative_offsets(hasher: &mut Hasher, offsets: &OffsetBuffer<i32>) {
    let first = offsets.first();
    if first.as_usize() == 0 {
        return hasher.update(offsets.inner().inner().as_slice());
    }
    let relative: Vec<u8> =
        offsets.iter().flat_map(|offset| offset.wrapping_sub(first).to_le_bytes()).collect();
    hasher.update(&relative);
}

fn bytes(hasher: &mut Hasher, offsets: &OffsetBuffer<i32>, data: &[u8]) {
    relative_offsets(hasher, offsets);
    let (first, last) = (offsets.first().as_usize(), offsets.last().as_usize());
    hasher.update(data.get(first..last).unwrap_or_default());
}
