//! Ends a large process without its user waiting for the kernel to free the memory: some 120 ms for 1 GB, and as much
//! for the pages of a deleted file of that size.
//!
//! A child that shares the memory, as after `vfork`, and has the deleted files open, outlives the process by that time.
//! It holds nothing else: no terminal, no pipe and no lock.
#![allow(unsafe_code)]

/// A process with fewer bytes in memory ends soon enough.
#[cfg(target_os = "linux")]
const LARGE: u64 = 100_000_000;
/// The largest descriptor that is looked at.
#[cfg(target_os = "linux")]
const DESCRIPTORS: i32 = 4096;
/// How often the child looks whether the process has ended, in milliseconds, and how many times at most.
#[cfg(target_os = "linux")]
const PAUSE: u32 = 2;
#[cfg(target_os = "linux")]
const PAUSES: u32 = 2000;

/// Leaves the memory of this process to a child, if it is large. To be called right before the process ends: it makes
/// only calls that are safe in a handler.
#[cfg(target_os = "linux")]
pub(super) fn leave_memory() {
    if resident_bytes() < LARGE {
        return;
    }
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // The child keeps this mask: a second Ctrl-C must not run a handler in it.
    // SAFETY: reads one set and fills the other.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: has no preconditions.
    let own = unsafe { libc::getpid() };
    let own = std::ptr::without_provenance_mut(own.cast_unsigned() as usize);
    let top = STACK.0.get().cast::<u8>().wrapping_add(STACK_SIZE).cast::<libc::c_void>();
    // If it fails, the process ends as it would have without it.
    // SAFETY: nothing else uses the stack, which is never freed; the child calls the system only.
    unsafe { libc::clone(outlive, top, libc::CLONE_VM, own) };
    // SAFETY: reads the set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn leave_memory() {}

#[cfg(target_os = "linux")]
const STACK_SIZE: usize = 32 << 10;

/// The stack of the child.
#[cfg(target_os = "linux")]
#[repr(align(16))]
struct ChildStack(std::cell::UnsafeCell<[u8; STACK_SIZE]>);

// SAFETY: only the child uses it, and a process makes at most one while it ends.
#[cfg(target_os = "linux")]
unsafe impl Sync for ChildStack {}

#[cfg(target_os = "linux")]
static STACK: ChildStack = ChildStack(std::cell::UnsafeCell::new([0; STACK_SIZE]));

/// The child: waits for the end of its parent, whose number is the argument, and ends then.
#[cfg(target_os = "linux")]
extern "C" fn outlive(parent: *mut libc::c_void) -> libc::c_int {
    for descriptor in 0..DESCRIPTORS {
        if !is_deleted_file(descriptor) {
            // SAFETY: the descriptors of the child are its own.
            unsafe { libc::close(descriptor) };
        }
    }
    let pause = libc::timespec { tv_sec: 0, tv_nsec: libc::c_long::from(PAUSE) * 1_000_000 };
    for _ in 0..PAUSES {
        // SAFETY: has no preconditions.
        let now = unsafe { libc::getppid() };
        if now.cast_unsigned() as usize != parent.addr() {
            break;
        }
        // SAFETY: reads the time.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
    }
    0
}

/// Whether a descriptor is that of a file without a name, whose contents go when it is closed.
#[cfg(target_os = "linux")]
fn is_deleted_file(descriptor: i32) -> bool {
    let mut found = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: fills the struct.
    let asked = unsafe { libc::fstat(descriptor, found.as_mut_ptr()) };
    // SAFETY: zeros are valid for all fields, and the call has filled them.
    let found = unsafe { found.assume_init() };
    asked == 0 && found.st_mode & libc::S_IFMT == libc::S_IFREG && found.st_nlink == 0
}

/// The bytes of this process that are in memory; 0 if that is unknown.
#[cfg(target_os = "linux")]
fn resident_bytes() -> u64 {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return 0;
    }
    let mut text = [0_u8; 100];
    // SAFETY: writes to the array, within its length.
    let read = unsafe { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
    // SAFETY: the descriptor was opened above.
    unsafe { libc::close(file) };
    let read = text.get(..usize::try_from(read).unwrap_or(0)).unwrap_or_default();
    let field = read.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let pages = field.iter().fold(0_u64, |pages, digit| pages * 10 + u64::from(digit.wrapping_sub(b'0')));
    // SAFETY: has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.saturating_mul(u64::try_from(page).unwrap_or(0))
}
