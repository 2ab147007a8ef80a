//! Tests of recordings: a replay shows what the trace showed, and a damaged recording is refused.

mod damage;
mod events;
mod format;
mod limits;
mod live;
