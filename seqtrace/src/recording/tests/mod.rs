//! A recording says what the trace said, whatever happens to it.

mod damage;
mod events;
mod format;
mod live;
