//! The format for programs: one JSON object per line.
//!
//! `object` defines the format. Its types are separate from the model's, so that renaming a field of the model does not
//! change the format; `convert` makes one from the other.
//!
//! ```text
//! seqtrace attach --format json /proc/net/tcp -- cat /proc/net/tcp |
//!     jq -s 'map(select(.fate == "emitted") | .bytes) | add'
//! ```

mod callback;
mod convert;
mod object;
mod text;

use std::collections::{BTreeSet, HashMap};

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Serializer, Value};

use self::callback::CallbackWriter;
use self::object::Object;
use self::text::Safe;
use super::{Clock, FieldError, Header, Options, Output, Ready, Renderer, Shown, TargetInfo};
use crate::escape;
use crate::event::Via;
use crate::session::update::{SessionId, Summary, Update, What};

/// Returns the schema of a line. Its parts are added to the definitions of the generator.
pub(crate) fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Object<'_>>()
}

pub(super) struct Json {
    ascii: bool,
    preview: usize,
    fields: Option<Vec<String>>,
    clock: Clock,
    /// Zero of relative times, ns since boot. `None`: no line was written yet.
    begin: Option<u64>,
    /// Reads that have not ended, by session and number.
    reads: HashMap<(SessionId, Option<u32>), ReadBegin>,
    /// Lseeks that have not ended, by session and thread.
    lseeks: HashMap<(SessionId, Option<u32>), LseekBegin>,
    callbacks: CallbackWriter,
}

/// The part of a read's object that is known when the read begins.
#[derive(Clone, Copy)]
struct ReadBegin {
    time: u64,
    pos: i64,
    want: u64,
    traverse_from: Option<i64>,
    rewind: bool,
    via: Option<Via>,
}

/// The part of an lseek's object that is known when the lseek begins.
#[derive(Clone, Copy)]
struct LseekBegin {
    time: u64,
    offset: i64,
    whence: u32,
}

impl Json {
    /// # Errors
    ///
    /// Fails if the options name a key that no object has.
    pub(super) fn new(options: &Options) -> Result<Self, FieldError> {
        if let Some(fields) = &options.fields {
            let valid = keys(&schema_of_object());
            if let Some(unknown) = fields.iter().find(|word| !valid.contains(*word)) {
                return Err(FieldError {
                    unknown: escape::text(unknown.as_bytes(), false).to_string(),
                    valid: valid.into_iter().collect(),
                });
            }
        }
        Ok(Self {
            ascii: options.ascii,
            preview: options.preview,
            fields: options.fields.clone(),
            clock: options.clock.clone(),
            begin: None,
            reads: HashMap::new(),
            lseeks: HashMap::new(),
            callbacks: CallbackWriter::default(),
        })
    }

    fn write(&self, object: &Object<'_>, out: &mut Vec<u8>) {
        let length = out.len();
        let mut serializer = Serializer::with_formatter(&mut *out, Safe { ascii: self.ascii });
        let written = match &self.fields {
            None => object.serialize(&mut serializer),
            Some(fields) => match serde_json::to_value(object) {
                Ok(whole) => match Chosen::of(&whole, fields) {
                    Some(chosen) => chosen.serialize(&mut serializer),
                    None => return,
                },
                Err(error) => Err(error),
            },
        };
        // Cannot fail: writing to a Vec succeeds, and all keys are strings.
        if written.is_ok() {
            out.push(b'\n');
        } else {
            out.truncate(length);
        }
    }
}

impl Renderer for Json {
    fn header(&mut self, header: &Header, out: &mut Output) {
        self.write(&convert::header(header), &mut out.data);
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        self.write(&convert::target(target), &mut out.data);
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.begin = Some(ready.begin);
        self.write(&convert::ready(ready, &self.clock), &mut out.data);
    }

    fn update(&mut self, update: &Update, out: &mut Output) -> Shown {
        let before = out.data.len();
        self.object(update, &mut out.data);
        Shown::from(out.data.len() > before)
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        self.write(&convert::end(summary), &mut out.data);
    }
}

impl Json {
    /// Writes the object of an update, if it has one.
    fn object(&mut self, update: &Update, data: &mut Vec<u8>) {
        let begin = *self.begin.get_or_insert(update.time);
        if let (What::Callback(callback), None) = (&update.what, &self.fields) {
            self.callbacks.write(begin, update, callback, data);
            return;
        }
        let session = update.session.as_ref().map(|session| session.id);
        let read = session.map(|id| (id, update.read));
        let lseek = session.map(|id| (id, update.task.as_ref().map(|task| task.tid)));
        let (mut read_begin, mut lseek_begin) = (None, None);
        match &update.what {
            What::ReadBegin { pos, want, traverse_from, rewind, via, state: _ } => {
                let (pos, want, traverse_from) = (*pos, *want, *traverse_from);
                let (rewind, via) = (*rewind, *via);
                let time = update.time;
                let begin = ReadBegin { time, pos, want, traverse_from, rewind, via };
                self.reads.extend(read.map(|key| (key, begin)));
            }
            What::LseekBegin { offset, whence } => {
                let begin = LseekBegin { time: update.time, offset: *offset, whence: *whence };
                self.lseeks.extend(lseek.map(|key| (key, begin)));
            }
            What::ReadEnd(_) => read_begin = read.and_then(|key| self.reads.remove(&key)),
            What::LseekEnd { .. } => lseek_begin = lseek.and_then(|key| self.lseeks.remove(&key)),
            What::Close { .. } => {
                // The ends of these were lost.
                self.reads.retain(|(id, _), _| Some(*id) != session);
                self.lseeks.retain(|(id, _), _| Some(*id) != session);
            }
            What::Preview { .. } if self.preview == 0 => return,
            _ => {}
        }
        let converter = convert::Converter { begin, preview: self.preview, update };
        if let Some(object) = converter.object(read_begin, lseek_begin) {
            self.write(&object, data);
        }
    }
}

fn schema_of_object() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<Object<'_>>().to_value()
}

/// Returns the keys of all objects, without those of nested objects.
fn keys(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(schema, schema, &mut found);
    found
}

/// Adds the keys of a schema, of its alternatives and parts, and of schemas that it refers to.
fn collect(root: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        found.extend(properties.keys().cloned());
    }
    for composed in ["oneOf", "anyOf", "allOf"] {
        for part in schema.get(composed).and_then(Value::as_array).into_iter().flatten() {
            collect(root, part, found);
        }
    }
    if let Some(target) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
    {
        collect(root, target, found);
    }
}

/// The keys and values of an object that `--fields` names, in that order.
struct Chosen<'a>(Vec<(&'a str, &'a Value)>);

impl<'a> Chosen<'a> {
    /// Returns `None` if the object has none of the keys.
    fn of(whole: &'a Value, fields: &'a [String]) -> Option<Self> {
        let pairs: Vec<_> = fields
            .iter()
            .filter_map(|key| whole.get(key).map(|value| (key.as_str(), value)))
            .collect();
        (!pairs.is_empty()).then_some(Self(pairs))
    }
}

impl Serialize for Chosen<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
