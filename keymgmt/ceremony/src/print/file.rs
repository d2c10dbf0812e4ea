//! The PDF file around the pages: catalogue, page tree, fonts cut to what is used.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{
    Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr,
    types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap},
};
use zeroize::Zeroizing;

use super::{
    canvas::{Canvas, HEIGHT, Used, WIDTH, font_name},
    model::Language,
};
use crate::error::CeremonyError;

const IDENTITY: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};
/// What a file has besides contents and fonts: catalogue, information, widths and letters of some thousand
/// glyphs at most.
const FRAME_BYTES: usize = 256 * 1024;
/// What follows a page's content: its dictionary, its entry in the table.
const PAGE_FRAME_BYTES: usize = 1024;

/// What is in the file's properties and decides how it is written.
pub(super) struct About<'a> {
    pub(super) title: &'a str,
    pub(super) language: Language,
    /// Secret pages are not compressed: the compressor keeps pieces of its input in memory that nobody
    /// wipes.
    pub(super) secret: bool,
}

/// A font with the used glyphs only.
struct SmallFont {
    compressed: Vec<u8>,
    /// Length before compression, which the file must tell.
    length: i32,
}

/// Writes the document and wipes its pages.
pub(super) fn finish(
    mut canvas: Canvas,
    about: &About<'_>,
) -> Result<Zeroizing<Vec<u8>>, CeremonyError> {
    let outgrown = canvas.outgrown();
    let mut streams = Vec::with_capacity(canvas.pages.len());
    for page in std::mem::take(&mut canvas.pages) {
        let bytes = Zeroizing::new(page.finish().into_vec());
        streams.push(if about.secret {
            bytes
        } else {
            Zeroizing::new(deflate(&bytes))
        });
    }
    let [text, mono] = &canvas.fonts;
    let fonts = [subset(text)?, subset(mono)?];
    let content: usize = streams
        .iter()
        .map(|bytes| bytes.len() + PAGE_FRAME_BYTES)
        .sum();
    let font: usize = fonts.iter().map(|font| font.compressed.len()).sum();
    let reserved = content + font + FRAME_BYTES;
    let mut file = File {
        pdf: Pdf::with_capacity(reserved),
        next: Ref::new(1),
    };
    file.write(&canvas, about, &streams, &fonts)?;
    let bytes = Zeroizing::new(file.pdf.finish());
    if about.secret && (outgrown || bytes.len() > reserved) {
        return Err(refuse("a document with a secret is larger than its buffer"));
    }
    Ok(bytes)
}

/// The file being written.
struct File {
    pdf: Pdf,
    next: Ref,
}

impl File {
    fn id(&mut self) -> Ref {
        self.next.bump()
    }

    fn write(
        &mut self,
        canvas: &Canvas,
        about: &About<'_>,
        streams: &[Zeroizing<Vec<u8>>],
        fonts: &[SmallFont; 2],
    ) -> Result<(), CeremonyError> {
        let (catalog, tree, info) = (self.id(), self.id(), self.id());
        let font_ids = [self.id(), self.id()];
        let mut root = self.pdf.catalog(catalog);
        root.pages(tree).lang(TextStr(about.language.tag()));
        root.viewer_preferences().display_doc_title(true);
        root.finish();
        self.pdf
            .document_info(info)
            .title(TextStr(about.title))
            .producer(TextStr("Musubi"));
        let pages: Vec<Ref> = streams.iter().map(|_| self.id()).collect();
        let count = i32::try_from(pages.len()).ok();
        let count = count.ok_or_else(|| refuse("the document has too many pages"))?;
        let kids = pages.iter().copied();
        self.pdf.pages(tree).kids(kids).count(count);
        for (page, bytes) in pages.into_iter().zip(streams) {
            self.page(page, tree, font_ids, canvas);
            // The page's content has the number after the page's own dictionary was written.
            let content = self.next;
            self.next.bump();
            let mut stream = self.pdf.stream(content, bytes);
            if !about.secret {
                stream.filter(Filter::FlateDecode);
            }
        }
        for ((font, small), id) in canvas.fonts.iter().zip(fonts).zip(font_ids) {
            self.font(font, small, id);
        }
        Ok(())
    }

    /// A page's dictionary; its content is the next object.
    fn page(&mut self, id: Ref, tree: Ref, font_ids: [Ref; 2], canvas: &Canvas) {
        let mut page = self.pdf.page(id);
        page.parent(tree)
            .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
            .contents(self.next);
        let mut resources = page.resources();
        let mut names = resources.fonts();
        for (font, id) in canvas.fonts.iter().zip(font_ids) {
            names.pair(font_name(font.face), id);
        }
    }

    fn font(&mut self, font: &Used, small: &SmallFont, id: Ref) {
        let (cid, descriptor) = (self.id(), self.id());
        let (stream, letters) = (self.id(), self.id());
        // Six letters before the name say that it is a part of the font.
        let name = format!("MUSUBI+{}", font.face.name());
        let name = Name(name.as_bytes());
        self.pdf
            .type0_font(id)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(letters);
        let mut inner = self.pdf.cid_font(cid);
        inner
            .subtype(CidFontType::Type2)
            .base_font(name)
            .system_info(IDENTITY)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = inner.widths();
        for (glyph, (_character, advance)) in &font.characters {
            widths.consecutive(*glyph, [*advance]);
        }
        widths.finish();
        inner.finish();
        // The heights of the typeface, in thousandths.
        self.pdf
            .font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(-200.0, -200.0, 1200.0, 1000.0))
            .italic_angle(0.0)
            .ascent(880.0)
            .descent(-120.0)
            .cap_height(765.0)
            .stem_v(80.0)
            .font_file2(stream);
        let mut file = self.pdf.stream(stream, &small.compressed);
        file.filter(Filter::FlateDecode)
            .pair(Name(b"Length1"), small.length);
        file.finish();
        // So that text can be searched, copied and read aloud.
        let mut cmap = UnicodeCmap::new(Name(b"Musubi"), IDENTITY);
        for (glyph, (character, _advance)) in &font.characters {
            cmap.pair(*glyph, *character);
        }
        self.pdf.cmap(letters, &cmap.finish());
    }
}

fn subset(font: &Used) -> Result<SmallFont, CeremonyError> {
    let small = subsetter::subset(font.face.bytes(), 0, &font.remapper).ok();
    let small = small.ok_or_else(|| refuse("an embedded font cannot be cut to what is used"))?;
    let length = i32::try_from(small.len()).ok();
    Ok(SmallFont {
        compressed: deflate(&small),
        length: length.ok_or_else(|| refuse("an embedded font is too large"))?,
    })
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing into memory cannot fail")
}

fn refuse(rule: &'static str) -> CeremonyError {
    CeremonyError::Print { rule }
}
