//! A kept answer is what a run gives. Random programs of reads over all sources, while everybody writes: other processes,
//! other plugins, the server, whoever moves folders about, between calls and in their middle.
//!
//! Everything follows from a seed, which a failure tells. `FRESH_SEED` runs it again, `FRESH_BATCH` one batch of it alone,
//! `FRESH_PROGRAMS` so many programs in each part.

#![allow(clippy::print_stdout, reason = "what a run came to is told with its seed")]

mod batch;
mod dice;
mod ground;
mod outside;
mod site;
mod world;

use std::time::Instant;

use batch::Batch;
use dice::Dice;
use world::{Tally, World, Wrong};

use crate::rig::run;

/// Programs of one part: ten thousand in all. A part takes about half a minute of one core.
const PROGRAMS: usize = 2500;

/// Programs within which a proof that overlooks something must be found out. It takes a tenth of them.
const FOUND_OUT: usize = 2000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The seed of a run.
fn seed() -> u64 {
    setting("FRESH_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(now.unwrap().as_micros()).unwrap()
    })
}

/// The seed of a batch.
fn of_batch(seed: u64, number: u64) -> u64 {
    Dice::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)).next()
}

/// Runs programs until so many were run or one was answered wrongly: then which batch that was.
async fn many(world: &mut World, seed: u64, programs: usize) -> (Tally, Option<(u64, Batch, Wrong)>) {
    let mut tally = Tally::default();
    let only = setting("FRESH_BATCH");
    for number in only.unwrap_or(0).. {
        if tally.programs >= programs || only.is_some_and(|only| only != number) {
            break;
        }
        let batch = Batch::random(of_batch(seed, number));
        if let Err(wrong) = world.run(&batch, &mut tally).await {
            return (tally, Some((number, batch, wrong)));
        }
    }
    (tally, None)
}

/// The smallest batch that still goes wrong, found by leaving things out.
async fn shrink(mut batch: Batch, mut wrong: Wrong) -> (Batch, Wrong) {
    const TRIES: usize = 300;
    let mut world = World::new().await;
    let mut tries = 0;
    'smaller: loop {
        for smaller in batch.clone().smaller() {
            tries += 1;
            if tries > TRIES {
                return (batch, wrong);
            }
            if let Err(still) = world.run(&smaller, &mut Tally::default()).await {
                (batch, wrong) = (smaller, still);
                // What it kept would change what comes next.
                world = World::new().await;
                continue 'smaller;
            }
        }
        return (batch, wrong);
    }
}

/// Runs a part of the programs: each has a host of its own, and a seed.
fn check(part: u64) {
    run(async {
        let seed = seed().wrapping_add(part);
        let programs = setting("FRESH_PROGRAMS").map_or(PROGRAMS, |n| usize::try_from(n).unwrap());
        let started = Instant::now();
        let mut world = World::new().await;
        let (tally, wrong) = many(&mut world, seed, programs).await;
        println!("FRESH_SEED={seed}: {tally:?} in {:?}", started.elapsed());
        if let Some((number, batch, wrong)) = wrong {
            let (batch, wrong) = shrink(batch, wrong).await;
            let Wrong {
                round,
                program,
                kept,
                fresh,
            } = wrong;
            panic!(
                "FRESH_SEED={seed} FRESH_BATCH={number}, in round {round}:\n{program:?}\nkept:  {kept}\nfresh: {fresh}\nof {batch:#?}"
            );
        }
        if programs >= PROGRAMS {
            let calls = tally.hits + tally.stale + tally.misses;
            assert!(
                tally.hits * 5 > calls,
                "what is not kept proves nothing: {tally:?}"
            );
            assert!(
                tally.stale * 25 > calls,
                "nothing changed that mattered: {tally:?}"
            );
            assert!(
                tally.torn * 25 > programs,
                "nothing changed in the middle: {tally:?}"
            );
        }
    });
}

#[test]
fn a_kept_answer_is_what_a_run_gives_1() {
    check(0);
}

#[test]
fn a_kept_answer_is_what_a_run_gives_2() {
    check(1);
}

#[test]
fn a_kept_answer_is_what_a_run_gives_3() {
    check(2);
}

#[test]
fn a_kept_answer_is_what_a_run_gives_4() {
    check(3);
}

/// Breaks how the host tells that nothing changed, and expects that the programs above would be answered wrongly.
#[track_caller]
fn check_found_out(what: &str, overlook: &std::sync::atomic::AtomicBool) {
    overlook.store(true, std::sync::atomic::Ordering::SeqCst);
    run(async {
        let mut world = World::new().await;
        let (tally, wrong) = many(&mut world, setting("FRESH_SEED").unwrap_or(1), FOUND_OUT).await;
        println!("{what}: {tally:?}");
        assert!(wrong.is_some(), "{what} was not found out: {tally:?}");
    });
}

#[test]
fn a_count_of_commits_that_stands_still_is_found_out() {
    check_found_out("a commit", &fact_store::sabotage::OVERLOOK_COMMITS);
}

#[test]
fn a_time_of_change_that_stands_still_is_found_out() {
    check_found_out("a file's change", &fact_runtime::sabotage::OVERLOOK_CHANGES);
}
