//! Finds ids of functions and structs, which attaching and kfuncs need.

use super::{
    Btf,
    raw::{HEADER_BYTES, MAGIC, TYPE_BYTES, kind},
};

impl Btf {
    /// Returns true if the BTF has a function of this name, so that fentry and fexit can be tried. Scans all types at
    /// each call.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// Returns the id of a function; `None` if there is none. Scans all types at each call.
    pub(crate) fn function(&self, name: &str) -> Option<u32> {
        let is = |id: &u32| {
            self.type_by_id(*id).is_some_and(|t| t.kind == kind::FUNC && self.name_is(t.name, name))
        };
        self.ids().find(is)
    }

    /// Returns the id of a struct, the first one if several have that name; `None` if there is none.
    pub(crate) fn structure(&self, name: &str) -> Option<u32> {
        let named = |id: &&u32| self.type_by_id(**id).is_some_and(|t| self.name_is(t.name, name));
        self.index.structs.iter().find(named).copied()
    }

    /// Returns BTF with only these functions, under their ids in this BTF. Attaching by name needs no more, and aya
    /// parses it fast. Functions that this kernel lacks are left out.
    pub(crate) fn of_functions(&self, names: &[&str]) -> Vec<u8> {
        let entry = |name: u32, kind: u32| {
            let [name, info, reference] = [name, kind << 24, 0].map(u32::to_ne_bytes);
            [name, info, reference].concat()
        };
        let filler = entry(0, kind::FWD);
        let mut strings = vec![0_u8];
        // Types behind the last function are dropped.
        let (mut types, mut used) = (Vec::with_capacity(TYPE_BYTES * self.index.starts.len()), 0);
        for id in self.ids() {
            let found = self
                .type_by_id(id)
                .filter(|t| t.kind == kind::FUNC)
                .and_then(|t| names.iter().find(|name| self.name_is(t.name, name)));
            if let Some((name, at)) = found.zip(u32::try_from(strings.len()).ok()) {
                strings.extend_from_slice(name.as_bytes());
                strings.push(0);
                types.extend_from_slice(&entry(at, kind::FUNC));
                used = types.len();
            } else {
                types.extend_from_slice(&filler);
            }
        }
        types.truncate(used);
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_ne_bytes();
        let ([low, high], version, flags) = (MAGIC.to_ne_bytes(), 1, 0);
        let header = [
            [low, high, version, flags],
            length(HEADER_BYTES),
            length(0),
            length(types.len()),
            length(types.len()),
            length(strings.len()),
        ];
        [header.as_flattened(), &types, &strings].concat()
    }
}
