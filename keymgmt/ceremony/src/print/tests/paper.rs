//! A printed file as a reader sees it: text by page, where it stands, what is black.

use std::collections::BTreeMap;

use hayro_syntax::{
    Pdf,
    content::ops::TypedInstruction,
    object::{Dict, Stream},
    page::Page,
};

const WIDTH: f64 = 595.28;
const HEIGHT: f64 = 841.89;
/// Nothing is printed nearer to the paper's edge, in points: printers cannot.
const EDGE: f64 = 24.0;

pub(super) struct Paper {
    /// One line for each piece of text, in the order of drawing.
    pub(super) pages: Vec<String>,
    /// The embedded fonts' bytes.
    pub(super) fonts: Vec<Vec<u8>>,
    /// Left, lower, right end of each piece, and the piece.
    pieces: Vec<(f64, f64, f64, String)>,
    /// Black boxes of the last page: left, lower, width, height.
    black: Vec<[f64; 4]>,
}

/// One font as the file describes it.
struct Font {
    letters: BTreeMap<u16, char>,
    widths: BTreeMap<u16, f64>,
}

impl Paper {
    pub(super) fn read(file: Vec<u8>) -> Self {
        let pdf = Pdf::new(file).expect("a PDF file");
        let mut paper = Self {
            pages: Vec::new(),
            fonts: Vec::new(),
            pieces: Vec::new(),
            black: Vec::new(),
        };
        for page in pdf.pages().iter() {
            let text = paper.page(page);
            paper.pages.push(text);
        }
        paper
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of some seventy operators, five say where text and boxes are"
    )]
    fn page(&mut self, page: &Page<'_>) -> String {
        let mut fonts = BTreeMap::new();
        self.fonts.clear();
        for name in ["T", "M"] {
            let name: &'static [u8] = name.as_bytes();
            let dict = page
                .resources()
                .fonts
                .get::<Dict<'_>>(name)
                .expect("a font");
            let (font, bytes) = font(&dict);
            fonts.insert(name.to_vec(), font);
            self.fonts.push(bytes);
        }
        self.black.clear();
        let mut text = String::new();
        let (mut current, mut size) = (Vec::new(), 0.0);
        let (mut at, mut rect) = ([0.0; 2], [0.0; 4]);
        let mut operations = page.typed_operations();
        while let Some(operation) = operations.next() {
            match operation {
                TypedInstruction::TextFont(font) => {
                    current = font.0.as_ref().to_vec();
                    size = font.1.as_f64();
                }
                TypedInstruction::NextLine(next) => at = [next.0.as_f64(), next.1.as_f64()],
                TypedInstruction::ShowText(shown) => {
                    let font = &fonts[&current];
                    let (piece, width) = font.decode(shown.0.as_bytes());
                    let end = at[0] + width * size / 1000.0;
                    text.push_str(&piece);
                    text.push('\n');
                    self.pieces.push((at[0], at[1], end, piece));
                }
                TypedInstruction::RectPath(path) => {
                    rect = [&path.0, &path.1, &path.2, &path.3].map(|number| number.as_f64());
                }
                TypedInstruction::FillPathNonZero(_) => self.black.push(rect),
                _ => {}
            }
        }
        text
    }

    pub(super) fn assert_within(&self) {
        assert!(!self.pieces.is_empty());
        for (left, lower, right, piece) in &self.pieces {
            let within =
                *left >= EDGE && *right <= WIDTH - EDGE && (EDGE..=HEIGHT - EDGE).contains(lower);
            assert!(within, "{piece:?} from {left} to {right} at {lower}");
        }
    }

    /// What a reader of QR codes finds in the last page's black boxes, at 288 dots an inch.
    pub(super) fn qr(&self) -> String {
        let scale = 4.0;
        let pixel =
            |points: f64| -> usize { format!("{:.0}", points * scale).parse().expect("small") };
        let (width, height) = (pixel(WIDTH), pixel(HEIGHT));
        let mut dark = vec![false; width * height];
        for [x, y, w, h] in &self.black {
            for row in pixel(HEIGHT - y - h)..pixel(HEIGHT - y) {
                dark[row * width + pixel(*x)..row * width + pixel(x + w)].fill(true);
            }
        }
        let mut image =
            rqrr::PreparedImage::prepare_from_bitmap(width, height, |x, y| dark[y * width + x]);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code");
        grids[0].decode().expect("decodes").1
    }
}

impl Font {
    fn decode(&self, codes: &[u8]) -> (String, f64) {
        let mut text = String::new();
        let mut width = 0.0;
        for pair in codes.chunks(2) {
            let code = u16::from_be_bytes([pair[0], pair[1]]);
            text.push(self.letters[&code]);
            width += self.widths[&code];
        }
        (text, width)
    }
}

fn font(dict: &Dict<'_>) -> (Font, Vec<u8>) {
    let letters = dict.get::<Stream<'_>>(b"ToUnicode").expect("letters");
    let letters = letters.decoded().expect("decodes");
    let letters = String::from_utf8_lossy(&letters);
    let pairs = letters.lines().filter_map(|line| {
        let (code, letter) = line.strip_prefix('<')?.split_once("> <")?;
        let code = u16::from_str_radix(code, 16).ok()?;
        let letter = u32::from_str_radix(letter.strip_suffix('>')?, 16).ok()?;
        Some((code, char::from_u32(letter)?))
    });
    let letters = pairs.collect();
    let inner = dict
        .get::<hayro_syntax::object::Array<'_>>(b"DescendantFonts")
        .expect("the inner font");
    let inner = inner.iter::<Dict<'_>>().next().expect("one");
    let descriptor = inner
        .get::<Dict<'_>>(b"FontDescriptor")
        .expect("a descriptor");
    let file = descriptor
        .get::<Stream<'_>>(b"FontFile2")
        .expect("a font file");
    let file = file.decoded().expect("decodes").to_vec();
    let length: i32 = descriptor
        .get::<Stream<'_>>(b"FontFile2")
        .and_then(|stream| stream.dict().get(b"Length1"))
        .expect("its length");
    assert_eq!(usize::try_from(length).expect("positive"), file.len());
    let widths = inner
        .get::<hayro_syntax::object::Array<'_>>(b"W")
        .expect("widths");
    (
        Font {
            letters,
            widths: read_widths(&widths),
        },
        file,
    )
}

/// `glyph [width] glyph [width] ...`
fn read_widths(array: &hayro_syntax::object::Array<'_>) -> BTreeMap<u16, f64> {
    let mut widths = BTreeMap::new();
    let mut items = array.flex_iter();
    while let Some(glyph) = items.next::<i32>() {
        let list = items
            .next::<hayro_syntax::object::Array<'_>>()
            .expect("a list");
        let width = list.iter::<f64>().next().expect("a width");
        widths.insert(u16::try_from(glyph).expect("a glyph"), width);
    }
    widths
}
