//! What a host really has: facts only, no judgement.

pub mod unit;
