//! Findings as instants, with flows between the events of their evidence.

use seqtrace_model::finding::{self, Finding};
use seqtrace_model::session::update::Update;

use super::messages::Value;
use super::sequence::{Arguments, Event, Name};
use super::{Trace, instant};
use crate::names;

impl Trace {
    /// Writes a finding, the events of its evidence, and flows that connect them and its cause.
    pub(super) fn finding(&mut self, update: &Update, finding: &Finding, out: &mut Vec<u8>) {
        let id = finding.session;
        let track = self.track_of(id, update, out);
        self.flows += 1;
        let flow = self.tracks.flow(self.flows);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(sequence) = self.sequences.get_mut(session.sequence) else { return };
        let lane = self.tracks.get(session.lane.track).map_or(0, |track| track.uuid);
        for fact in &finding.evidence {
            if let finding::Value::Event { time, .. } = fact.value {
                let name = Name::Text(format!("{}: {}", finding.id, fact.label));
                let event = instant(lane, time, name, Arguments::new());
                sequence.event(Event { flows: vec![flow], ..event }, out);
            }
        }
        let mut flows = vec![flow];
        if let Some(cause) = &finding.cause {
            let causes = session.findings.iter().filter(|(rule, _)| *rule == cause.id);
            flows.extend(causes.map(|(_, flow)| *flow));
        }
        if session.findings.iter().all(|(rule, _)| *rule != finding.id) {
            session.findings.push((finding.id, flow));
        }
        let mut arguments = vec![
            ("severity", Value::Text(finding.severity.name().to_owned())),
            ("message", Value::Text(finding.message.clone())),
            ("evidence", Value::Text(names::evidence(finding))),
        ];
        if let Some(blame) = &finding.blame {
            arguments.push(("function", Value::Text(names::function(&blame.function))));
            let source = blame.source.as_ref();
            let text = source.map(|source| format!("{}:{}", source.file, source.line));
            arguments.extend(text.map(|text| ("source", Value::Text(text))));
        }
        if let Some(cause) = &finding.cause {
            arguments.push(("cause", Value::Text(cause.id.to_string())));
        }
        let name = Name::Text(format!("{} {}", finding.id, finding.name));
        let track = self.tracks.get(track).map_or(lane, |track| track.uuid);
        sequence.event(Event { flows, ..instant(track, update.time, name, arguments) }, out);
    }
}
