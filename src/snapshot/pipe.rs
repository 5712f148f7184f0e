//! From the writer to the file: bytes are gathered in pieces, and a second thread writes and hashes them while the next
//! ones are made.
//!
//! The contents of a large buffer come faster than they can be written: then the thread that brings them takes over what
//! hashing the other one has not come to. A snapshot that fits into one piece needs no second thread.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use blake3::Hash;
use blake3::hazmat::ChainingValue;

use super::index::Variable;
use super::signals;
use super::target::{Mark, Target, check_room};
use super::tree::{self, TreeHasher};

/// The bytes of a piece: few enough to stay in the cache, and a power of two, as [`tree::piece`] wants it.
const PIECE: usize = 512 << 10;
/// How many pieces wait for the second thread.
const WAITING: usize = 3;
/// Contents of this length and more are brought piece by piece, and not gathered with what is around them.
pub(super) const LARGE: usize = 4 << 20;

/// The hashes of a segment.
#[derive(Debug)]
pub(super) struct Hashes {
    /// Of all of it.
    pub(super) whole: Hash,
    /// Of all but the contents of raw buffers, where it has some.
    pub(super) opcodes: Option<Hash>,
}

/// What a snapshot is written through.
#[derive(Debug)]
pub(super) struct Pipe<T: Target> {
    piece: Piece,
    /// The bytes of the open segment so far.
    length: usize,
    /// What was in `piece` before the open segment began, if that was in this piece: bytes and events.
    before: Option<(usize, usize)>,
    // Dropped in this order: the second thread ends before the file goes.
    worker: Option<Worker>,
    sink: Arc<Mutex<Sink<T>>>,
}

/// Bytes on their way, and what begins and ends among them.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Each with the number of `bytes` that precede it.
    events: Vec<(usize, Event)>,
    /// Its number among the pieces of its segment's hash, where it is one of them, and not the first.
    number: Option<usize>,
    /// What [`tree::piece`] gave for it, where that was done already.
    hashed: Option<ChainingValue>,
}

/// As [`Mark`].
#[derive(Debug)]
enum Event {
    Begin,
    Contents(u64),
    Opcodes,
    /// With the variable only for who wants marks.
    End(Option<Box<Variable>>),
}

enum Message {
    Piece(Piece),
    /// So many bytes are to come that the file must have room for.
    Room(u64),
    /// All from this place on is taken back.
    Cut(u64),
}

impl<T: Target> Pipe<T> {
    pub(super) fn new(out: T) -> Self {
        let sink = Sink { out, open: None, done: Vec::new() };
        Self { piece: Piece::default(), length: 0, before: None, worker: None, sink: Arc::new(Mutex::new(sink)) }
    }

    /// Begins a segment.
    pub(super) fn begin(&mut self) {
        self.before = Some((self.piece.bytes.len(), self.piece.events.len()));
        self.length = 0;
        self.event(Event::Begin);
    }

    /// Ends it, as that of this variable. Its hashes are among those that [`finish`](Self::finish) returns.
    pub(super) fn end(&mut self, variable: &Variable) {
        self.event(Event::End(T::MARKED.then(|| Box::new(variable.clone()))));
        self.before = None;
    }

    /// Takes back the segment that was begun, at this place in the file.
    pub(super) fn cut(&mut self, place: u64) -> io::Result<()> {
        if let Some((bytes, events)) = self.before.take() {
            self.piece.bytes.truncate(bytes);
            self.piece.events.truncate(events);
            return Ok(());
        }
        self.piece.bytes.clear();
        self.piece.events.clear();
        self.send(Message::Cut(place))
    }

    /// Takes the next bytes.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.piece.bytes.len() >= PIECE {
                self.send_piece()?;
            }
            let (head, tail) = bytes.split_at(bytes.len().min(PIECE - self.piece.bytes.len()));
            self.piece.bytes.extend_from_slice(head);
            self.length += head.len();
            bytes = tail;
        }
        Ok(())
    }

    /// Takes the contents of a raw buffer.
    ///
    /// The memory may be that of an array which a thread of the script's still writes to: what is hashed is what is
    /// written, as both are done with one copy.
    pub(super) fn contents(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < LARGE {
            self.event(Event::Contents(bytes.len() as u64));
            self.put(bytes)?;
            self.event(Event::Opcodes);
            return Ok(());
        }
        self.send_piece()?;
        self.send(Message::Room(bytes.len() as u64))?;
        self.event(Event::Contents(bytes.len() as u64));
        // From here on the pieces are those of the segment's hash.
        let (head, tail) = bytes.split_at(self.length.next_multiple_of(PIECE) - self.length);
        self.put(head)?;
        let (whole, rest) = tail.as_chunks::<PIECE>();
        for bytes in whole {
            signals::check()?;
            self.send_piece()?;
            self.piece.number = Some(self.length / PIECE).filter(|number| *number > 0);
            self.put(bytes)?;
        }
        self.put(rest)?;
        self.event(Event::Opcodes);
        Ok(())
    }

    /// The bytes that are free where it is written; `None` where nobody knows.
    pub(super) fn free(&self) -> Option<u64> {
        lock(&self.sink).out.free()
    }

    /// Ends the file. Returns what it was written into, and the hashes of the segments, in their order.
    pub(super) fn finish(mut self) -> io::Result<(T, Vec<Hashes>)> {
        self.send_piece()?;
        if let Some(worker) = self.worker.take() {
            worker.end()?;
        }
        let sink = Arc::into_inner(self.sink).ok_or_else(|| io::Error::other("the file is still written to"))?;
        let sink = sink.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((sink.out, sink.done))
    }

    fn event(&mut self, event: Event) {
        self.piece.events.push((self.piece.bytes.len(), event));
        // Only who hashes it byte by byte comes across an event.
        self.piece.number = None;
    }

    fn send_piece(&mut self) -> io::Result<()> {
        let bytes = match &self.worker {
            Some(worker) => worker.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE)),
            None => Vec::new(),
        };
        let piece = std::mem::replace(&mut self.piece, Piece { bytes, ..Piece::default() });
        self.before = None;
        self.send(Message::Piece(piece))
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        if self.worker.is_none() && matches!(&message, Message::Piece(piece) if piece.bytes.len() >= PIECE) {
            // Without a second thread it only takes longer.
            self.worker = Worker::start(&self.sink).ok();
        }
        if let Some(worker) = &mut self.worker {
            return worker.send(message);
        }
        if let Some(mut bytes) = lock(&self.sink).take(message)? {
            bytes.clear();
            self.piece.bytes = bytes;
        }
        Ok(())
    }
}

impl Piece {
    /// Hashes it, if it is a piece of its segment's hash by itself.
    fn hash(&mut self) {
        self.hashed = self.number.map(|number| tree::piece(number, PIECE, &self.bytes));
    }
}

/// The second thread.
#[derive(Debug)]
struct Worker {
    /// A forked child has all of this in its memory, but not the thread.
    process: u32,
    full: SyncSender<Message>,
    /// How many messages the thread has not come to.
    waiting: Arc<AtomicUsize>,
    /// Buffers that may be used again.
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Worker {
    fn start<T: Target>(sink: &Arc<Mutex<Sink<T>>>) -> io::Result<Self> {
        let (full, filled) = sync_channel::<Message>(WAITING);
        // No more can be under way: those that wait, and one on each side.
        let (emptied, empty) = sync_channel(WAITING + 2);
        let sink = Arc::clone(sink);
        let waiting = Arc::new(AtomicUsize::new(0));
        let still_waiting = Arc::clone(&waiting);
        let work = move || {
            for message in filled {
                still_waiting.fetch_sub(1, Ordering::Relaxed);
                if let Some(mut bytes) = lock(&sink).take(message)? {
                    bytes.clear();
                    // There is room for it, unless nobody asks any more.
                    let _ = emptied.try_send(bytes);
                }
            }
            Ok(())
        };
        let thread = Builder::new().name("snapcli-write".to_owned()).spawn(work)?;
        Ok(Self { process: std::process::id(), full, waiting, empty, thread: Some(thread) })
    }

    fn send(&mut self, mut message: Message) -> io::Result<()> {
        if self.process != std::process::id() {
            return Err(io::Error::other("this is a forked child: its parent saves the session"));
        }
        // What would wait may as well be hashed here; what would not, as the other side has nothing to do, is left to it.
        if let Message::Piece(piece) = &mut message
            && self.waiting.load(Ordering::Relaxed) > 0
        {
            piece.hash();
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.full.send(message).is_ok();
        // It takes no more when it has met an error.
        if sent { Ok(()) } else { self.join().and_then(|()| Err(io::ErrorKind::BrokenPipe.into())) }
    }

    /// Waits until all has been written.
    fn end(mut self) -> io::Result<()> {
        self.hang_up();
        self.join()
    }

    /// What makes the thread end.
    fn hang_up(&mut self) {
        self.full = sync_channel(0).0;
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.hang_up();
            // Nobody is left to be told.
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

/// The file's end.
#[derive(Debug)]
struct Sink<T: Target> {
    out: T,
    open: Option<Segment>,
    done: Vec<Hashes>,
}

#[derive(Debug)]
struct Segment {
    whole: TreeHasher,
    opcodes: Option<TreeHasher>,
    /// Whether what comes is the contents of a raw buffer.
    contents: bool,
}

fn lock<T: Target>(sink: &Mutex<Sink<T>>) -> MutexGuard<'_, Sink<T>> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Target> Sink<T> {
    /// Does what is asked for. Returns the memory of a piece.
    fn take(&mut self, message: Message) -> io::Result<Option<Vec<u8>>> {
        match message {
            Message::Piece(piece) => return self.piece(piece).map(Some),
            Message::Room(bytes) => check_room(self.out.free(), bytes)?,
            Message::Cut(place) => {
                self.open = None;
                self.out.cut(place)?;
            }
        }
        Ok(None)
    }

    /// Writes and hashes a piece: all at once, or, for who wants marks, from one to the next.
    fn piece(&mut self, piece: Piece) -> io::Result<Vec<u8>> {
        let Piece { bytes, events, hashed, .. } = piece;
        let at_once = !T::MARKED || events.is_empty();
        if at_once {
            self.out.write_all(&bytes)?;
        }
        if let Some((hashed, open)) = hashed.zip(self.open.as_mut()) {
            open.whole.take(hashed);
            return Ok(bytes);
        }
        let mut from = 0;
        for (to, event) in events {
            self.stretch(bytes.get(from..to).unwrap_or_default(), !at_once)?;
            from = to;
            self.event(event);
        }
        self.stretch(bytes.get(from..).unwrap_or_default(), !at_once)?;
        Ok(bytes)
    }

    /// Hashes bytes that nothing begins or ends in, and writes them if that is not done yet.
    fn stretch(&mut self, bytes: &[u8], write: bool) -> io::Result<()> {
        if write {
            self.out.write_all(bytes)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.whole.update(bytes);
        if let Some(opcodes) = open.opcodes.as_mut().filter(|_| !open.contents) {
            opcodes.update(bytes);
        }
        Ok(())
    }

    fn event(&mut self, event: Event) {
        match (event, &mut self.open) {
            (Event::Begin, open) => {
                *open = Some(Segment { whole: TreeHasher::new(PIECE), opcodes: None, contents: false });
                self.out.mark(Mark::Begin);
            }
            (Event::Contents(length), Some(open)) => {
                open.opcodes.get_or_insert_with(|| open.whole.clone());
                open.contents = true;
                self.out.mark(Mark::Contents(length));
            }
            (Event::Opcodes, Some(open)) => {
                open.contents = false;
                self.out.mark(Mark::Opcodes);
            }
            (Event::End(variable), open) => {
                let hashes = open.take().map(Hashes::of);
                if let Some((mut variable, hashes)) = variable.zip(hashes.as_ref()) {
                    hashes.tell(&mut variable);
                    self.out.mark(Mark::End(&variable));
                }
                self.done.extend(hashes);
            }
            (_, None) => {}
        }
    }
}

impl Hashes {
    fn of(segment: Segment) -> Self {
        Self { whole: segment.whole.finalize(), opcodes: segment.opcodes.map(TreeHasher::finalize) }
    }

    /// Notes them with the variable that they are of.
    pub(super) fn tell(&self, variable: &mut Variable) {
        variable.blake3 = self.whole.to_hex().to_string();
        variable.opcodes = self.opcodes.map(|hash| hash.to_hex().to_string()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Takes its time for each call, or fails behind so many bytes.
    #[derive(Debug, Default)]
    struct Slow {
        bytes: Vec<u8>,
        pause: Duration,
        room: Option<usize>,
    }

    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room.is_some_and(|room| self.bytes.len() + bytes.len() > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            std::thread::sleep(self.pause);
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Target for Slow {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.bytes.cut(length)
        }
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number % 251) as u8).collect()
    }

    /// Head and tail of the segment stand around the contents.
    fn with_contents(out: Slow, head: &[u8], contents: &[u8]) -> io::Result<(Slow, Vec<Hashes>)> {
        let mut pipe = Pipe::new(out);
        pipe.put(b"prelude")?;
        pipe.begin();
        pipe.put(head)?;
        pipe.contents(contents)?;
        pipe.put(b"tail")?;
        pipe.end(&Variable::default());
        pipe.finish()
    }

    #[test]
    fn contents_of_any_length_are_written_and_hashed_whole() -> io::Result<()> {
        let head = bytes(PIECE);
        for length in [0, 5, PIECE, LARGE - 1, LARGE, LARGE + PIECE - 4, LARGE + 12_345] {
            for head in [&head[..4], &head[..PIECE - 1], &head[..]] {
                // A slow one leaves the hashing to the other side.
                for pause in [0, 2] {
                    let out = Slow { pause: Duration::from_millis(pause), ..Slow::default() };
                    let contents = bytes(length);
                    let (out, hashes) = with_contents(out, head, &contents)?;
                    let segment = [head, &contents, b"tail"].concat();
                    assert!(out.bytes == [b"prelude", &segment[..]].concat(), "{length} {pause}");
                    assert_eq!(hashes[0].whole, blake3::hash(&segment), "{length} behind {}, {pause}", head.len());
                    assert_eq!(hashes[0].opcodes, Some(blake3::hash(&[head, b"tail"].concat())), "{length} {pause}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn segments_are_hashed_each_for_itself_and_taken_back_at_any_length() -> io::Result<()> {
        let mut pipe = Pipe::new(Vec::new());
        let (mut expected, mut hashes) = (Vec::new(), Vec::new());
        for length in [3, PIECE - 7, 0, 4 * PIECE + 1, 9, 2 * PIECE, 5] {
            let kept = bytes(length);
            pipe.begin();
            pipe.put(&kept)?;
            pipe.end(&Variable::default());
            expected.extend_from_slice(&kept);
            hashes.push(blake3::hash(&kept));
            pipe.begin();
            pipe.put(&bytes(length / 2 + 1))?;
            pipe.cut(expected.len() as u64)?;
        }
        let (out, found) = pipe.finish()?;
        assert!(out == expected);
        assert_eq!(found.iter().map(|hashes| hashes.whole).collect::<Vec<_>>(), hashes);
        assert!(found.iter().all(|hashes| hashes.opcodes.is_none()));
        Ok(())
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        let out = Slow { room: Some(2 * PIECE), ..Slow::default() };
        let result = with_contents(out, b"head", &bytes(3 * LARGE));
        assert_eq!(result.map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn the_file_goes_when_the_pipe_is_dropped() -> io::Result<()> {
        #[derive(Debug)]
        struct Told {
            _alive: Arc<()>,
        }
        impl io::Write for Told {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Target for Told {
            fn cut(&mut self, _: u64) -> io::Result<()> {
                Ok(())
            }
        }
        let alive = Arc::new(());
        let mut pipe = Pipe::new(Told { _alive: Arc::clone(&alive) });
        pipe.put(&bytes(5 * PIECE))?;
        drop(pipe);
        assert_eq!(Arc::strong_count(&alive), 1);
        Ok(())
    }
}
