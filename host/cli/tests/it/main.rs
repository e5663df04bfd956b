//! The `fact` command as people and scripts meet it: its words, its exit codes, and how it ends. What the host does is
//! tested in `tests/`.

mod codes;
mod fact;
mod readme;
mod stop;
