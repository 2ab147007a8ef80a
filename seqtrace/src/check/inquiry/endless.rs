//! Detects files without an end. The evidence is positions and numbers of bytes, so the content may change meanwhile.

use anyhow::Result;

use super::{Answer, Inquiry, Known, Lab, ways::Ways};
use crate::{
    check::{
        call::{Call, Syscall, by_descriptor},
        oracle::Reference,
        plan::{self, BEYOND, Shape},
        process::Ended,
        seen::SeenSession,
        verdict::Proof,
    },
    event::Role,
    rules::SQ105,
};

/// Evidence that a file does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NoEnd {
    /// start() found nothing past the end and set `*pos` back to the position of a record.
    SetBack { from: i64, to: i64 },
    /// One reader got `bytes` bytes, far more than the `whole` bytes of the whole file.
    TooMuch { bytes: u64, whole: u64 },
}

impl<L: Lab> Inquiry<'_, L> {
    /// Returns SQ105 if two runs of a plan prove that the file has no end.
    pub(super) async fn endless(
        &mut self,
        known: &mut Known,
        ways: &Ways,
    ) -> Result<Option<Proof>> {
        for (plan, answer) in &ways.overlong {
            let Some(evidence) = evidence(answer, known.shape.len) else { continue };
            if self.lab.is_over().is_some() {
                break;
            }
            let again = self.carry(plan).await?;
            let whole = self.carry(&plan::whole(known.limit)).await?;
            let len = Reference::of(&whole.calls).map_or(0, |now| now.len());
            if whole.ended != Ended::Done || known.consumed {
                break;
            }
            if let Some(same) = self::evidence(&again, len.max(known.shape.len))
                && std::mem::discriminant(&same) == std::mem::discriminant(&evidence)
            {
                return Ok(Some(proof(&evidence)));
            }
        }
        Ok(None)
    }
}

/// Returns true if a reader got more bytes than the file can have, or bytes after the end of the file.
pub(super) fn is_suspicious(calls: &[Call], shape: &Shape) -> bool {
    shape.complete
        && shape.len > 0
        && readers(calls).any(|reads| past_end(&reads) || sum(&reads) > bound(shape.len))
}

/// Returns the largest number of bytes that a file of length `len` may deliver to a reader that does not seek.
fn bound(len: u64) -> u64 {
    2 * len + BEYOND
}

/// Returns the reads of each descriptor up to its first seek.
fn readers(calls: &[Call]) -> impl Iterator<Item = Vec<&Call>> {
    let is_seek = |call: &&Call| matches!(call.syscall, Syscall::Lseek | Syscall::Pread);
    by_descriptor(calls).map(move |calls| {
        let reads = calls.into_iter().filter(|call| call.syscall != Syscall::Open);
        reads.take_while(|call| !is_seek(call)).collect()
    })
}

fn sum(reads: &[&Call]) -> u64 {
    reads.iter().map(|call| call.bytes.len() as u64).sum()
}

/// Returns true if bytes came after a read that had returned 0.
fn past_end(reads: &[&Call]) -> bool {
    let ends = |call: &&Call| call.ret == 0 && call.want > 0;
    let mut after = reads.iter().skip_while(|call| !ends(call));
    after.any(|call| call.ret > 0)
}

/// Returns the evidence in one run of a plan that the file does not end; `None` if there is none.
fn evidence(answer: &Answer, len: u64) -> Option<NoEnd> {
    let back = answer.seen.sessions.iter().find_map(set_back);
    back.or_else(|| {
        let bytes = readers(&answer.calls).map(|reads| sum(&reads)).max()?;
        (bytes > bound(len)).then_some(NoEnd::TooMuch { bytes, whole: len })
    })
}

/// Returns the first start() of a session that found nothing past the end and set `*pos` back to the
/// position of an accepted record, if a pass then began there.
fn set_back(session: &SeenSession) -> Option<NoEnd> {
    let mut accepted: Vec<i64> = Vec::new();
    let mut back = None;
    let mut ended = false;
    for pass in &session.log.passes {
        if pass.begins {
            accepted.clear();
            back = None;
        }
        if !pass.found_nothing() {
            if back.is_some() {
                return back;
            }
        } else if let Some(from) = pass.pos_in.filter(|from| ended && *from != pass.pos_out)
            && accepted.contains(&pass.pos_out)
        {
            back = Some(NoEnd::SetBack { from, to: pass.pos_out });
        }
        ended = pass.ended.is_some();
        accepted.extend(
            pass.renderings.iter().filter(|rendering| rendering.is_accepted()).map(|one| one.pos),
        );
    }
    None
}

fn proof(evidence: &NoEnd) -> Proof {
    let message = match evidence {
        NoEnd::SetBack { from, to } => format!(
            "start() found nothing at position {from}, past the end, and set *pos back to {to}, the \
             position of a record: the next read begins again"
        ),
        NoEnd::TooMuch { bytes, whole } => {
            format!("a reader got {bytes} bytes and no end, and the whole file has {whole}")
        }
    };
    Proof { id: SQ105, role: Some(Role::Start), message }
}
