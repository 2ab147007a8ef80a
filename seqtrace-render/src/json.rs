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
pub mod diff;
mod object;
mod text;

use std::collections::{BTreeSet, HashMap};

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, Serializer as _};
use serde_json::{Serializer, Value};

use self::callback::CallbackWriter;
use self::object::Object;
use self::text::Safe;
use super::{Clock, FieldError, Header, Options, Output, Ready, Renderer, Shown, TargetInfo};
use crate::session::update::{SessionId, Summary, Update, UpdateKind};

/// Returns the schema of a line. Its parts are added to the definitions of the generator.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Object<'_>>()
}

pub(super) struct Json {
    ascii: bool,
    preview: usize,
    fields: Option<Vec<String>>,
    clock: Clock,
    /// Zero of relative times, ns since boot. `None`: no line was written yet.
    begin: Option<u64>,
    /// Begins of reads and lseeks that have not ended.
    begun: HashMap<(SessionId, Call), Update>,
    callbacks: CallbackWriter,
}

/// Identifies a read or lseek in progress within its session.
#[derive(PartialEq, Eq, Hash)]
enum Call {
    /// By number. `None`: it is unknown.
    Read(Option<u32>),
    /// By thread id. `None`: it is unknown.
    Lseek(Option<u32>),
}

impl Call {
    /// Returns the call that an update begins or ends, with its session. `None`: other updates.
    fn of(update: &Update) -> Option<(SessionId, Self)> {
        let call = match update.what {
            UpdateKind::ReadBegin { .. } | UpdateKind::ReadEnd(_) => Self::Read(update.read),
            UpdateKind::LseekBegin { .. } | UpdateKind::LseekEnd { .. } => {
                Self::Lseek(update.task.as_ref().map(|task| task.tid))
            }
            _ => return None,
        };
        Some((update.session.as_ref()?.id, call))
    }
}

impl Json {
    /// # Errors
    ///
    /// Fails if the options name a key that no object has.
    pub(super) fn new(options: &Options) -> Result<Self, FieldError> {
        if let Some(fields) = &options.fields {
            let valid = keys(&schema_of_object());
            if let Some(unknown) = fields.iter().find(|word| !valid.contains(*word)) {
                return Err(FieldError::new(unknown, valid));
            }
        }
        Ok(Self {
            ascii: options.ascii,
            preview: options.preview,
            fields: options.fields.clone(),
            clock: options.clock.clone(),
            begin: None,
            begun: HashMap::new(),
            callbacks: CallbackWriter::default(),
        })
    }

    fn write(&self, object: &Object<'_>, out: &mut Vec<u8>) {
        let length = out.len();
        let mut serializer = Serializer::with_formatter(&mut *out, Safe { ascii: self.ascii });
        let written = match &self.fields {
            None => object.serialize(&mut serializer),
            Some(fields) => match serde_json::to_value(object) {
                Ok(whole) => {
                    let pairs = fields.iter().filter_map(|key| Some((key, whole.get(key)?)));
                    let pairs: Vec<_> = pairs.collect();
                    if pairs.is_empty() {
                        return;
                    }
                    serializer.collect_map(pairs)
                }
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
        if let (UpdateKind::Callback(callback), None) = (&update.what, &self.fields) {
            self.callbacks.write(begin, update, callback, data);
            return;
        }
        let mut call = None;
        match &update.what {
            UpdateKind::ReadBegin { .. } | UpdateKind::LseekBegin { .. } => {
                self.begun.extend(Call::of(update).map(|call| (call, update.clone())));
            }
            UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. } => {
                call = Call::of(update).and_then(|call| self.begun.remove(&call));
            }
            UpdateKind::Close { .. } => {
                // The ends of these were lost.
                let session = update.session.as_ref().map(|session| session.id);
                self.begun.retain(|(id, _), _| Some(*id) != session);
            }
            UpdateKind::Preview { .. } if self.preview == 0 => return,
            _ => {}
        }
        let (preview, call) = (self.preview, call.as_ref());
        if let Some(object) = (convert::Converter { begin, preview, update, call }).object() {
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

#[cfg(test)]
mod tests;
