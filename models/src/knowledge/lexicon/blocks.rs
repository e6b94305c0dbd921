//! Lines of text, compressed in blocks. A block is unpacked when one of its lines is asked for, and
//! then kept.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::bytes::{Reader, put, put_section};

/// Lines of a block. Larger blocks compress better and take longer to unpack.
const LINES: usize = 256;

/// The most bytes that a block may unpack to.
const MAX_BLOCK: u64 = 1 << 20;

/// The most bytes of unpacked text that a section keeps; all of WordNet's glosses are 8 MB.
const MAX_KEPT: usize = 10 << 20;

/// Sorted or numbered lines in blocks of [`LINES`].
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// Bytes of unpacked text that are kept.
    kept: AtomicUsize,
    /// The most bytes that may be kept.
    most: usize,
}

#[derive(Debug)]
struct Block {
    /// The key of the first line: everything before its tab.
    first: String,
    packed: Vec<u8>,
    /// Set when the block was asked for. A gallery asks for the same few blocks again and again.
    unpacked: OnceLock<Arc<Lines>>,
}

/// The lines of a block.
#[derive(Debug)]
struct Lines {
    text: String,
    /// Where each line ends: at its line feed, or at the end of the text.
    ends: Vec<u32>,
}

impl Lines {
    fn new(text: String) -> Self {
        let feeds = memchr::memchr_iter(b'\n', text.as_bytes());
        let mut ends: Vec<u32> = feeds.map(|at| at as u32).collect();
        if !text.is_empty() && !text.ends_with('\n') {
            ends.push(text.len() as u32);
        }
        Self { text, ends }
    }

    fn get(&self, at: usize) -> Option<&str> {
        self.ends.get(at).map(|&end| self.ending_at(end))
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().map(|&end| self.ending_at(end))
    }

    /// The place of the line with this key; lines must be sorted by their keys.
    fn find(&self, key: &str) -> Option<usize> {
        self.ends.binary_search_by(|&end| key_of(self.ending_at(end)).cmp(key)).ok()
    }

    fn ending_at(&self, end: u32) -> &str {
        let before = self.text.get(..end as usize).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }
}

impl Block {
    fn new(first: String, packed: Vec<u8>) -> Self {
        Self { first, packed, unpacked: OnceLock::new() }
    }

    fn unpack(&self) -> Option<Lines> {
        let mut text = String::new();
        DeflateDecoder::new(self.packed.as_slice())
            .take(MAX_BLOCK)
            .read_to_string(&mut text)
            .ok()?;
        Some(Lines::new(text))
    }
}

impl Blocks {
    fn new(blocks: Vec<Block>) -> Self {
        Self { blocks, kept: AtomicUsize::new(0), most: MAX_KEPT }
    }

    /// A block's lines.
    fn lines(&self, block: usize) -> Option<Arc<Lines>> {
        let block = self.blocks.get(block)?;
        if let Some(lines) = block.unpacked.get() {
            return Some(Arc::clone(lines));
        }
        let lines = Arc::new(block.unpack()?);
        let bytes = lines.text.len();
        // Added before it is compared: two threads cannot both take the last room.
        let fits = self.kept.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.most;
        if !fits || block.unpacked.set(Arc::clone(&lines)).is_err() {
            // There is no room, or another thread was faster.
            self.kept.fetch_sub(bytes, Ordering::Relaxed);
        }
        Some(lines)
    }

    /// The section's bytes. The same lines always give the same bytes.
    pub(super) fn encode(lines: &[String]) -> Vec<u8> {
        let blocks: Vec<Block> = lines.chunks(LINES).map(pack).collect();
        let mut out = Vec::new();
        put(&mut out, blocks.len() as u32);
        for block in &blocks {
            put_section(&mut out, block.first.as_bytes());
            put(&mut out, block.packed.len() as u32);
        }
        blocks.iter().for_each(|block| out.extend_from_slice(&block.packed));
        out
    }

    /// Reads what [`Blocks::encode`] wrote. Nothing is unpacked yet.
    pub(super) fn decode(mut section: Reader<'_>) -> Option<Self> {
        let mut table = Vec::new();
        for _ in 0..section.number()? {
            let first = String::from_utf8(section.section()?.to_vec()).ok()?;
            table.push((first, section.number()? as usize));
        }
        let mut blocks = Vec::new();
        for (first, length) in table {
            blocks.push(Block::new(first, section.take(length)?.to_vec()));
        }
        Some(Self::new(blocks))
    }

    /// The line at this place.
    pub(super) fn line(&self, place: usize) -> Option<String> {
        self.lines(place / LINES)?.get(place % LINES).map(str::to_owned)
    }

    /// The place and the line whose key is `key`; lines must be sorted by their keys.
    pub(super) fn find(&self, key: &str) -> Option<(usize, String)> {
        let block = self.block_of(key)?;
        let lines = self.lines(block)?;
        let at = lines.find(key)?;
        Some((block * LINES + at, lines.get(at)?.to_owned()))
    }

    /// Keys that begin with `prefix`, at most `limit`.
    pub(super) fn with_prefix(&self, prefix: &str, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        let from = self.block_of(prefix).unwrap_or(0);
        for (at, block) in self.blocks.iter().enumerate().skip(from) {
            // Keys are sorted: behind a first key that is larger there is no match.
            if found.len() >= limit
                || (block.first.as_str() > prefix && !block.first.starts_with(prefix))
            {
                break;
            }
            let Some(lines) = self.lines(at) else { continue };
            let keys = lines.iter().map(key_of).filter(|key| key.starts_with(prefix));
            found.extend(keys.take(limit - found.len()).map(str::to_owned));
        }
        found
    }

    /// The block in which a key would be; `None` if it would stand before the first one.
    fn block_of(&self, key: &str) -> Option<usize> {
        self.blocks.partition_point(|block| block.first.as_str() <= key).checked_sub(1)
    }
}

fn key_of(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default()
}

fn pack(lines: &[String]) -> Block {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let written = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
    let packed = written.expect("invariant: writing to memory does not fail");
    Block::new(key_of(&lines[0]).to_owned(), packed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn count_of_blocks_is_checked_before_use() {
        assert!(Blocks::decode(Reader::new(&[0xFF, 0xFF, 0x7F])).is_none());
    }

    #[test]
    fn what_is_kept_has_a_limit_and_answers_do_not_depend_on_it() {
        let lines: Vec<String> = (0..3 * LINES).map(|i| format!("{i:05}\tline {i}")).collect();
        let blocks = |most| {
            let blocks = lines.chunks(LINES).map(pack).collect();
            Blocks { most, ..Blocks::new(blocks) }
        };
        let (all, none) = (blocks(MAX_KEPT), blocks(0));
        let one = blocks(lines[..LINES].iter().map(|line| line.len() + 1).sum());
        for blocks in [&all, &none, &one] {
            for at in (0..lines.len()).step_by(97).chain(0..9) {
                assert_eq!(blocks.line(at).as_ref(), Some(&lines[at]));
                assert_eq!(blocks.find(&format!("{at:05}")).unwrap().0, at);
            }
            assert_eq!(blocks.line(lines.len()), None);
        }
        let kept =
            |blocks: &Blocks| blocks.blocks.iter().filter(|b| b.unpacked.get().is_some()).count();
        assert_eq!([&all, &none, &one].map(kept), [3, 0, 1]);
        assert_eq!(none.kept.load(Ordering::Relaxed), 0);
    }
}
