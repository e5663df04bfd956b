//! The state machine, under a clock that stands.

use super::*;
use crate::clock::ManualClock;

fn breaker(settings: Settings) -> (Breaker, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    (
        Breaker::new(settings, Arc::clone(&clock) as Arc<dyn Clock>),
        clock,
    )
}

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.failed("read", "the disk is gone");
    }
}

fn state(breaker: &Breaker) -> State {
    breaker.metrics().state
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn cache_resilience_the_state_machine_under_a_fake_clock() {
    let (breaker, clock) = breaker(Profile::Default.settings());
    fail(&breaker, 4);
    assert_eq!((state(&breaker), breaker.pass()), (State::Closed, Ok(())));
    fail(&breaker, 1);
    assert_eq!(
        (state(&breaker), breaker.pass()),
        (State::Open, Err(Stopped::Open))
    );
    assert!(!breaker.is_permitted());

    clock.advance(60 * SECOND - Duration::from_nanos(1));
    assert_eq!(breaker.pass(), Err(Stopped::Open));
    clock.advance(Duration::from_nanos(1));
    assert!(breaker.is_permitted() && state(&breaker) == State::Open);
    // Half of what is asked passes.
    let passed: Vec<bool> = (0..6).map(|_| breaker.pass().is_ok()).collect();
    assert_eq!(passed, [true, false, true, false, true, false]);
    assert_eq!(
        (state(&breaker), breaker.metrics().throttled),
        (State::HalfOpen, 3)
    );

    // One failure opens it again, and its time begins anew.
    breaker.succeeded();
    breaker.succeeded();
    fail(&breaker, 1);
    assert_eq!(
        (state(&breaker), breaker.pass()),
        (State::Open, Err(Stopped::Open))
    );
    clock.advance(60 * SECOND);
    assert_eq!(breaker.pass(), Ok(()));
    for _ in 0..2 {
        breaker.succeeded();
        assert_eq!(state(&breaker), State::HalfOpen);
    }
    breaker.succeeded();
    assert_eq!(
        (state(&breaker), breaker.pass(), breaker.pass()),
        (State::Closed, Ok(()), Ok(()))
    );
    // What was counted before is over.
    fail(&breaker, 4);
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn failures_count_within_the_window_only() {
    let (breaker, clock) = breaker(Profile::Default.settings());
    fail(&breaker, 4);
    clock.advance(300 * SECOND);
    fail(&breaker, 4);
    assert_eq!(state(&breaker), State::Closed);
    clock.advance(299 * SECOND);
    fail(&breaker, 1);
    assert_eq!(state(&breaker), State::Open);
}

#[test]
fn profiles() {
    for (profile, failures, timeout, successes, passing) in [
        (Profile::Development, 3, 30, 2, 10),
        (Profile::Production, 10, 300, 5, 3),
        (Profile::HighTraffic, 15, 120, 3, 6),
    ] {
        let (breaker, clock) = breaker(profile.settings());
        fail(&breaker, failures - 1);
        assert_eq!(state(&breaker), State::Closed, "{profile:?}");
        fail(&breaker, 1);
        clock.advance((timeout - 1) * SECOND);
        assert_eq!(breaker.pass(), Err(Stopped::Open), "{profile:?}");
        clock.advance(SECOND);
        let passed = (0..10).filter(|_| breaker.pass().is_ok()).count();
        // The first of all passes ahead of its turn.
        assert!((passing..=passing + 1).contains(&passed), "{profile:?} {passed}");
        (0..successes).for_each(|_| breaker.succeeded());
        assert_eq!(state(&breaker), State::Closed, "{profile:?}");
    }
}

#[test]
fn someone_may_keep_it_in_a_state() {
    let (breaker, clock) = breaker(Profile::Default.settings());
    breaker.force(Some(State::Open));
    clock.advance(9999 * SECOND);
    assert_eq!(
        (breaker.pass(), breaker.is_permitted()),
        (Err(Stopped::Open), false)
    );
    breaker.force(Some(State::Closed));
    fail(&breaker, 50);
    assert_eq!((breaker.pass(), breaker.metrics().forced), (Ok(()), true));
    breaker.force(None);
    assert_eq!(
        (state(&breaker), breaker.metrics().forced),
        (State::Closed, false)
    );
    fail(&breaker, 5);
    assert_eq!(state(&breaker), State::Open);
}

#[test]
fn what_is_kept_of_failures_is_bounded_and_alerts_are_told() {
    let (breaker, clock) = breaker(Profile::Default.settings());
    assert_eq!(
        (breaker.metrics().failure_rate, breaker.metrics().alerts),
        (None, vec![])
    );
    for _ in 0..100 {
        breaker.failed("read", &"é".repeat(1000));
    }
    let metrics = breaker.metrics();
    assert_eq!((metrics.last_failures.len(), metrics.failures), (50, 100));
    assert!(
        metrics
            .last_failures
            .iter()
            .all(|failure| failure.message.len() <= 200)
    );
    assert_eq!(metrics.failure_rate, Fraction::of(1, 1));
    clock.advance(301 * SECOND);
    let critical: Vec<_> = breaker
        .metrics()
        .alerts
        .into_iter()
        .filter(|alert| alert.critical)
        .collect();
    assert_eq!(critical.len(), 2, "{critical:?}");
    assert!(critical[0].message.contains("301 s"));
}
