//! Work on many items, on all cores.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What one item costs: a thread costs as much as some small ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A file, a signature, a key on an elliptic curve.
    Small,
    /// An RSA key.
    Large,
}

/// As many small items as are not worth a second thread.
const FEW: usize = 8;

/// Maps in the order of the items. Each core takes the next item when it is done with one: an RSA key may take ten times
/// as long as the one before. After an error no further item is begun; the error of the first item that failed is given.
pub fn on_all_cores<T: Sync, R: Send + Sync, E: Send + Sync>(
    items: &[T],
    cost: Cost,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    on_all_cores_and(items, cost, work, || ()).0
}

/// The same, while this thread does something else before it takes its share: what can't be split, such as to wait for the
/// disk, keeps no other core from work.
pub fn on_all_cores_and<T: Sync, R: Send + Sync, E: Send + Sync, A>(
    items: &[T],
    cost: Cost,
    work: impl Fn(&T) -> Result<R, E> + Sync,
    also: impl FnOnce() -> A,
) -> (Result<Vec<R>, E>, A) {
    let is_few = cost == Cost::Small && items.len() < FEW;
    let cores = if is_few { 1 } else { cores().min(items.len()) };
    if cores < 2 {
        let also = also();
        return (items.iter().map(work).collect(), also);
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    // A place for each result: lists that grow would take twice the memory.
    let places: Vec<OnceLock<Result<R, E>>> = items.iter().map(|_| OnceLock::new()).collect();
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(place)) = (items.get(index), places.get(index)) else { break };
            let result = place.get_or_init(|| work(item));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
        }
    };
    let also = thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| scope.spawn(run)).collect();
        let also = also();
        run();
        for other in others {
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        also
    });
    // Items are begun in their order, so only those behind a failure have no result.
    (places.into_iter().map_while(OnceLock::into_inner).collect(), also)
}

/// Asked once: each time the limits of the process's cgroup would be read from files.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled: Result<Vec<u32>, ()> = on_all_cores(&items, Cost::Small, |n| Ok(n * 2));
        assert_eq!(doubled, Ok((0..1000).map(|n| n * 2).collect()));
    }

    #[test]
    fn something_else_is_done_beside_many_items_and_beside_few() {
        for count in [0, 1, FEW - 1, FEW, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let (same, also) = on_all_cores_and(&items, Cost::Small, |n| Ok::<_, ()>(*n), || "also");
            assert_eq!((same, also), (Ok(items), "also"));
        }
    }

    #[test]
    fn the_first_error_is_given_and_work_stops() {
        let items: Vec<u32> = (0..100_000).collect();
        let begun = AtomicUsize::new(0);
        let result: Result<Vec<u32>, u32> = on_all_cores(&items, Cost::Small, |n| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *n == 10 { Err(*n) } else { Ok(*n) }
        });
        assert_eq!(result, Err(10));
        assert!(begun.into_inner() < items.len());
    }
}
