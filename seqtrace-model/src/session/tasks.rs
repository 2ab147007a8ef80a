//! The tasks that used a session last. They complete the task of an event that carries only a thread id.

use std::sync::Arc;

use crate::event::Task;

/// Number of tasks that a session remembers.
const TASKS: usize = 4;

/// Tasks that used the session, the newest last.
#[derive(Debug)]
pub(super) struct RecentTasks(Vec<Arc<Task>>);

impl RecentTasks {
    pub(super) fn new(opener: Arc<Task>) -> Self {
        Self(vec![opener])
    }

    /// Adds a task. Allocates once per task, not once per read.
    pub(super) fn remember(&mut self, task: &Task) -> Arc<Task> {
        let Self(tasks) = self;
        if let Some(known) = tasks.iter().rev().find(|known| known.as_ref() == task) {
            return Arc::clone(known);
        }
        // A known thread with another name or user has called execve() or setuid().
        tasks.retain(|known| known.tid != task.tid);
        if tasks.len() >= TASKS {
            tasks.remove(0);
        }
        let task = Arc::new(task.clone());
        tasks.push(Arc::clone(&task));
        task
    }

    /// Returns the task of a thread; `None` if it is not remembered.
    pub(super) fn find(&self, tid: u32) -> Option<Arc<Task>> {
        self.0.iter().rev().find(|task| task.tid == tid).cloned()
    }
}
