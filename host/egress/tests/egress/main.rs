//! What the way out refuses, bounds and lets through, against real servers on loopback.
