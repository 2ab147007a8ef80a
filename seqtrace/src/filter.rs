//! Which sessions are shown.
