//! Settings of the allocator.

/// Allocations from this size on are returned to the system when they are freed. The bytes of
/// ordinary requests are smaller, and stay fast.
#[cfg(target_env = "gnu")]
const RETURNED_BYTES: libc::c_int = 1 << 20;

/// Makes freed memory return to the system. It is called before other threads are started.
///
/// glibc raises the size from which it does so with each large allocation that is freed, up to 32
/// MiB, and each thread keeps what it freed below: 420 MiB after large bodies and answers of a
/// gallery with 6,000 classes. A size that is set stays.
#[cfg(target_env = "gnu")]
pub fn return_freed_memory() {
    // SAFETY: it takes no pointer, and only changes a number inside of the allocator (mallopt(3)).
    #[expect(unsafe_code, reason = "no safe interface to it exists")]
    let is_set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES) };
    if is_set == 0 {
        tracing::debug!("the allocator does not take its setting");
    }
}

/// Other allocators need no setting.
#[cfg(not(target_env = "gnu"))]
pub fn return_freed_memory() {}
