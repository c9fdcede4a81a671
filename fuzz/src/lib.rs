//! What all targets share. What they call, and what has to be true of it, stands in the program itself: `src/fuzzing/`.

/// The memory that a run may hold, in bytes. libFuzzer's own limit of single allocations needs a sanitizer.
pub const MOST_MEMORY: usize = 100 << 20;

/// Lets a target fail that takes more than [`MOST_MEMORY`].
#[macro_export]
macro_rules! limit_memory {
    () => {
        #[global_allocator]
        static ALLOCATOR: $crate::Cap<std::alloc::System> = $crate::Cap::new(std::alloc::System, $crate::MOST_MEMORY);
    };
}

pub use cap::Cap;
