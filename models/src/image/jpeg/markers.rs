//! The marker segments of a JPEG file (ITU-T T.81, annex B).

use std::sync::Arc;

use image::metadata::Orientation;

use super::bytes::{next_marker, u16_at};
use super::damage::{CUT, damaged, unsupported};
use super::frame::{Component, Frame, Scan, ScanComponent};
use super::huffman::Table;
use super::standard_tables::{STANDARD, standard_tables};

use crate::image::error::ImageError;

/// More scans than this are an attack: real encoders write about ten.
pub(super) const MAX_SCANS: usize = 100;

/// More segments than this are an attack: each may take a microsecond. A film's frame has ten, and
/// the longest panorama of a phone some hundred.
const MAX_MARKERS: usize = 10_000;

const BAD_HEADER: &str = "one of its headers makes no sense";

/// Reads a file from scan to scan and keeps what the segments between them define.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
    n_scans: usize,
    n_markers: usize,
    pub(super) frame: Option<Frame>,
    /// The frame header leaves the height open; a segment behind the first scan has it.
    pub(super) is_height_late: bool,
    pub(super) tables: Tables,
    /// A JFIF segment says that three components are YCbCr.
    pub(super) is_jfif: bool,
    /// The color transform of an Adobe segment.
    pub(super) adobe: Option<u8>,
    pub(super) orientation: Orientation,
}

/// The tables that scans use.
pub(super) struct Tables {
    /// Of means (DC).
    pub(super) dc: [Option<Arc<Table>>; 4],
    /// Of the other coefficients (AC).
    pub(super) ac: [Option<Arc<Table>>; 4],
    /// In zigzag order.
    pub(super) quantization: [Option<[u16; 64]>; 4],
    /// MCUs between restart markers; 0 without them.
    pub(super) restart_interval: usize,
    /// Whether the file has Huffman tables of its own.
    pub(super) are_own: bool,
}

impl Tables {
    fn none() -> Self {
        Self {
            dc: Default::default(),
            ac: Default::default(),
            quantization: [None; 4],
            restart_interval: 0,
            are_own: false,
        }
    }

    /// The standard Huffman tables, which hold until a file defines others.
    // Webcams send frames of motion JPEG, which leave them out.
    fn standard() -> Self {
        let mut tables = Self::none();
        for (id, counts, symbols) in &STANDARD {
            tables.set_huffman(*id, counts, symbols);
        }
        tables
    }

    /// Sets a table by its class (upper four bits) and number; `None` when that makes no sense.
    fn set_huffman(&mut self, id: u8, counts: &[u8; 16], symbols: &[u8]) -> Option<()> {
        let class = match id >> 4 {
            0 => &mut self.dc,
            1 => &mut self.ac,
            _ => return None,
        };
        let standard = standard_tables().iter().find(|table| table.is_of(counts, symbols));
        let table = match standard {
            Some(table) => Arc::clone(table),
            None => Arc::new(Table::new(counts, symbols)?),
        };
        *class.get_mut(usize::from(id & 15))? = Some(table);
        Some(())
    }
}

impl<'a> Markers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { tables: Tables::standard(), ..Self::without_tables(bytes) }
    }

    /// To read nothing but the frame.
    pub(super) fn without_tables(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            // After the first marker, by which the file was recognized.
            at: 2,
            n_scans: 0,
            n_markers: 0,
            frame: None,
            is_height_late: false,
            tables: Tables::none(),
            is_jfif: false,
            adobe: None,
            orientation: Orientation::NoTransforms,
        }
    }

    /// The next scan; `None` when the file ends, with or without an end marker.
    pub(super) fn next_scan(&mut self) -> Result<Option<Scan>, ImageError> {
        while let Some((marker, segment)) = self.next_segment()? {
            if marker == START_OF_SCAN {
                return self.scan(segment).map(Some);
            }
            self.read(marker, segment)?;
        }
        Ok(None)
    }

    /// The frame, without the tables, and where its header ends.
    pub(super) fn frame_only(mut self) -> Result<(Frame, usize), ImageError> {
        while let Some((marker, segment)) = self.next_segment()? {
            if marker == START_OF_SCAN {
                return Err(damaged(NO_FRAME));
            }
            if is_frame_header(marker) {
                self.frame_header(marker, segment)?;
            }
            if let Some(frame) = self.frame {
                return Ok((frame, self.at));
            }
        }
        Err(damaged(CUT))
    }

    /// How to turn the image upright, by the segments before the first scan.
    pub(super) fn orientation_only(mut self) -> Result<Orientation, ImageError> {
        while let Some((marker, segment)) = self.next_segment()? {
            match marker {
                START_OF_SCAN => break,
                EXIF => self.exif(segment),
                _ => {}
            }
        }
        Ok(self.orientation)
    }

    /// The next segment, with its marker; `None` when the file ends.
    fn next_segment(&mut self) -> Result<Option<(u8, &'a [u8])>, ImageError> {
        while let Some((marker, after)) = next_marker(self.bytes, self.at) {
            self.n_markers += 1;
            if self.n_markers > MAX_MARKERS {
                return Err(damaged("it has more than 10,000 segments"));
            }
            self.at = after;
            match marker {
                END_OF_IMAGE => return Ok(None),
                // Markers without a length: TEM, the restarts, and another start of the image.
                0x01 | 0xD0..=0xD8 => {}
                _ => return Ok(self.segment().map(|segment| (marker, segment))),
            }
        }
        Ok(None)
    }

    /// Where the data of the scan begins that [`Self::next_scan`] gave last.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes on behind the data of a scan.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The content of the segment here, and goes behind it.
    fn segment(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16_at(self.bytes, self.at)?);
        let content = self.bytes.get(self.at + 2..self.at + length)?;
        self.at += length;
        Some(content)
    }

    fn read(&mut self, marker: u8, segment: &'a [u8]) -> Result<(), ImageError> {
        let is_good = match marker {
            0xC4 => self.huffman_tables(segment),
            0xDB => self.quantization_tables(segment),
            0xDD => self.restart_interval(segment),
            0xE0 => {
                self.is_jfif |= segment.starts_with(b"JFIF\0");
                Some(())
            }
            EXIF => {
                self.exif(segment);
                Some(())
            }
            0xEE => {
                let is_adobe = segment.starts_with(b"Adobe");
                self.adobe = segment.get(11).copied().filter(|_| is_adobe).or(self.adobe);
                Some(())
            }
            _ if is_frame_header(marker) => return self.frame_header(marker, segment),
            _ => Some(()),
        };
        is_good.ok_or_else(|| damaged(BAD_HEADER))
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        self.tables.are_own = true;
        while let Some((&id, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let n = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(n)?;
            self.tables.set_huffman(id, counts, symbols)?;
            segment = rest;
        }
        Some(())
    }

    fn quantization_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&id, rest)) = segment.split_first() {
            let width = 1 + usize::from(id >> 4);
            let (values, rest) = rest.split_at_checked(64 * width)?;
            let mut table = [0; 64];
            for (value, bytes) in table.iter_mut().zip(values.chunks_exact(width)) {
                *value = bytes.iter().fold(0, |number, &byte| number << 8 | u16::from(byte));
            }
            *self.tables.quantization.get_mut(usize::from(id & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    fn restart_interval(&mut self, segment: &[u8]) -> Option<()> {
        self.tables.restart_interval = u16_at(segment, 0)?.into();
        Some(())
    }

    fn exif(&mut self, segment: &[u8]) {
        // A damaged EXIF block does not mean damaged pixels.
        if let Some(exif) = segment.strip_prefix(b"Exif\0\0")
            && let Some(orientation) = Orientation::from_exif_chunk(exif)
        {
            self.orientation = orientation;
        }
    }

    fn frame_header(&mut self, marker: u8, segment: &[u8]) -> Result<(), ImageError> {
        let is_progressive = match marker {
            0xC0 | 0xC1 => false,
            0xC2 => true,
            0xC3 => return Err(unsupported("a lossless JPEG")),
            0xC8 => return Err(damaged(BAD_HEADER)),
            0xC9..=0xCC => return Err(unsupported("a JPEG with arithmetic coding")),
            0xF7 => return Err(unsupported("a JPEG-LS image")),
            _ => return Err(unsupported("a hierarchical JPEG")),
        };
        if self.frame.is_some() {
            return Err(damaged("it has two frame headers"));
        }
        if segment.first().is_some_and(|&bits| bits != 8) {
            return Err(unsupported("a JPEG of other than 8 bits a sample"));
        }
        let mut frame = frame(segment, is_progressive).ok_or_else(|| damaged(BAD_HEADER))?;
        if ![1, 3, 4].contains(&frame.components.len()) {
            return Err(unsupported("a JPEG of other than 1, 3 or 4 components"));
        }
        if frame.height == 0 {
            self.is_height_late = true;
            frame.height = self.late_height().ok_or_else(|| damaged(CUT))?;
        }
        if frame.width == 0 || frame.height == 0 {
            return Err(damaged(NO_FRAME));
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// The height of a DNL segment, which stands behind the first scan.
    fn late_height(&self) -> Option<usize> {
        let mut at = self.at;
        loop {
            let (marker, after) = next_marker(self.bytes, at)?;
            at = match marker {
                0xDC => return u16_at(self.bytes, after + 2).map(usize::from),
                // Markers without a length: TEM, the restarts, and another start of the image.
                0x01 | 0xD0..=0xD8 => after,
                0xD9 => return None,
                _ => after + usize::from(u16_at(self.bytes, after)?),
            };
        }
    }

    fn scan(&mut self, segment: &[u8]) -> Result<Scan, ImageError> {
        self.n_scans += 1;
        if self.n_scans > MAX_SCANS {
            return Err(damaged("it has more than 100 scans"));
        }
        let frame = self.frame.as_ref().ok_or_else(|| damaged(NO_FRAME))?;
        scan(segment, frame).ok_or_else(|| damaged(BAD_HEADER))
    }
}

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const EXIF: u8 = 0xE1;

const NO_FRAME: &str = "it holds no image";

/// Also of frames that are not read. Huffman tables (0xC4) are no frame.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xCF | 0xDE | 0xF7)
}

fn frame(segment: &[u8], is_progressive: bool) -> Option<Frame> {
    let height = u16_at(segment, 1)?.into();
    let width = u16_at(segment, 3)?.into();
    let n = usize::from(*segment.get(5)?);
    let fields = segment.get(6..6 + 3 * n)?;
    let components = fields.chunks_exact(3).map(component).collect::<Option<Vec<_>>>()?;
    let are_different =
        (1..n).all(|i| components[..i].iter().all(|other| other.id != components[i].id));
    are_different.then_some(Frame { is_progressive, width, height, components })
}

fn component(fields: &[u8]) -> Option<Component> {
    let (h, v) = (usize::from(fields[1] >> 4), usize::from(fields[1] & 15));
    let is_good = (1..=4).contains(&h) && (1..=4).contains(&v) && fields[2] < 4;
    is_good.then_some(Component { id: fields[0], h, v, quantization: fields[2].into() })
}

/// `None` when the scan names components or coefficients that there are not.
fn scan(segment: &[u8], frame: &Frame) -> Option<Scan> {
    let (&n, fields) = segment.split_first()?;
    let n = usize::from(n);
    let (fields, end) = fields.split_at_checked(2 * n)?;
    let &[first, last, precision] = end.first_chunk::<3>()?;
    let components = fields
        .chunks_exact(2)
        .map(|pair| {
            let index = frame.components.iter().position(|component| component.id == pair[0])?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            (dc < 4 && ac < 4).then_some(ScanComponent { index, dc, ac })
        })
        .collect::<Option<Vec<_>>>()?;
    let are_different =
        (1..n).all(|i| components[..i].iter().all(|other| other.index != components[i].index));
    let scan = Scan {
        components,
        first: first.into(),
        last: last.into(),
        refined: u32::from(precision >> 4),
        shift: u32::from(precision & 15),
    };
    (n > 0 && are_different && scan.is_possible(frame)).then_some(scan)
}
