//! TensorBoard event files: records of protobuf `Event` messages.
//!
//! A record is the length (u64), its masked CRC-32C, the message and its masked CRC-32C,
//! little-endian. Field numbers are those of `event.proto` and `summary.proto` of TensorFlow. Five
//! fields do not need a protobuf library.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// A file that TensorBoard reads.
#[derive(Debug)]
pub(super) struct EventFile {
    file: File,
}

impl EventFile {
    /// Creates a new file in the folder. TensorBoard joins the files of a folder.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        // A name of its own: a resumed training must not overwrite the events from before.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path =
            folder.join(format!("events.out.tfevents.{}.{}", now.as_secs(), std::process::id()));
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut events = Self { file };
        events.write(&[wall_time(), field_bytes(3, b"brain.Event:2")].concat())?;
        Ok(events)
    }

    /// Writes the values that are present.
    pub(super) fn scalars(&mut self, step: u64, values: &[(&str, Option<f64>)]) -> Result<()> {
        let summary: Vec<u8> = values
            .iter()
            .filter_map(|(tag, value)| value.map(|v| (tag, v as f32)))
            .flat_map(|(tag, v)| {
                field_bytes(1, &[field_bytes(1, tag.as_bytes()), field_f32(2, v)].concat())
            })
            .collect();
        self.write(&[wall_time(), field_varint(2, step), field_bytes(5, &summary)].concat())
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        let record = [&length[..], &masked_crc(&length), event, &masked_crc(event)].concat();
        self.file.write_all(&record).context("cannot write the TensorBoard events")
    }
}

fn wall_time() -> Vec<u8> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // Field 1, a 64-bit float.
    [&[0x09][..], &seconds.to_le_bytes()].concat()
}

fn field_varint(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn field_bytes(field: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn field_f32(field: u8, value: f32) -> Vec<u8> {
    [&[field << 3 | 5][..], &value.to_le_bytes()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    // Masked as TFRecord files require, because a checksum of data that holds checksums is weak.
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_and_checksums_are_as_specified() {
        assert_eq!(varint(300), [0xac, 0x02]);
        // "123456789" has CRC-32C e3069283.
        assert_eq!(
            masked_crc(b"123456789"),
            0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
        );
        assert_eq!(field_f32(2, 1.0), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
