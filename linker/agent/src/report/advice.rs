//! What each finding means, and what to do about it: mostly, what to ask the vendor of the system for.

use super::{findings::Code, text::Text};

/// A finding's meaning, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// What it means.
    pub what: Text,
    /// What to do.
    pub ask: Text,
}

/// The advice for a finding.
///
/// # Panics
/// Never: a test holds that the table has every code.
#[must_use]
pub fn of(code: Code) -> Advice {
    let row = TABLE.iter().find(|row| row.0 == code);
    row.expect("every code has a row; a test holds it").1
}

const fn advice(code: Code, what: [&'static str; 2], ask: [&'static str; 2]) -> (Code, Advice) {
    let what = Text::new(what[0], what[1]);
    let ask = Text::new(ask[0], ask[1]);
    (code, Advice { what, ask })
}

/// English and Japanese. Order as in [`Code`].
const TABLE: &[(Code, Advice)] = &[
    advice(
        Code::RunRefuses,
        [
            "a run would refuse this source",
            "このデータは実行時に拒否されます",
        ],
        [
            "do what the error above says, and check again",
            "上のエラーの指示に従って修正し、再度点検してください",
        ],
    ),
    advice(
        Code::NoNames,
        [
            "most records have no usable name",
            "大半のレコードに使用できる氏名がありません",
        ],
        [
            "check the columns of the names in the mapping; ask for an extract with kana and kanji names",
            "対応表の氏名の列を確認し、カナ氏名と漢字氏名を含む抽出を依頼してください",
        ],
    ),
    advice(
        Code::NoBirths,
        [
            "most records have no usable birth date",
            "大半のレコードに使用できる生年月日がありません",
        ],
        [
            "check the column of the birth date in the mapping; ask for whole dates, such as 1970-03-02 or S45.3.2",
            "対応表の生年月日の列を確認し、年月日のそろった抽出（1970-03-02、S45.3.2 など）を依頼してください",
        ],
    ),
    advice(
        Code::Mojibake,
        [
            "text was read in a wrong encoding and written again, so the characters are not the real ones",
            "誤った文字コードで読み書きされ、文字化けしています",
        ],
        [
            "ask for a new extract in CP932 or UTF-8, written by the system itself and not through a spreadsheet",
            "表計算ソフトを経由せず、システムから直接 CP932 または UTF-8 で再抽出するよう依頼してください",
        ],
    ),
    advice(
        Code::Wildcards,
        [
            "names have ■ ● 〓 ？ in place of characters that the system could not write",
            "システムで表せない文字が ■●〓？ になっています",
        ],
        [
            "ask for an extract in UTF-8 with all characters of the names; until then the kana are compared",
            "全ての文字を含む UTF-8 での抽出を依頼してください。それまではカナで照合します",
        ],
    ),
    advice(
        Code::Replacements,
        [
            "characters were lost in a conversion (U+FFFD)",
            "文字コード変換で失われた文字があります（U+FFFD）",
        ],
        [
            "ask which program converted the file, and for the file before its conversion",
            "変換を行ったプログラムを確認し、変換前のファイルを依頼してください",
        ],
    ),
    advice(
        Code::PrivateUse,
        [
            "characters of the institution's own making (gaiji) mean something else elsewhere",
            "施設独自の外字は他の施設では別の文字になります",
        ],
        [
            "ask for a table from gaiji to standard characters, or for an extract that replaces them",
            "外字と標準文字の対応表、または標準文字に置き換えた抽出を依頼してください",
        ],
    ),
    advice(
        Code::OtherScript,
        [
            "the names are written in another script than the column says",
            "列の指定と異なる文字種で氏名が書かれています",
        ],
        [
            "check whether the columns of kana and kanji are exchanged in the mapping",
            "対応表でカナと漢字の列が入れ替わっていないか確認してください",
        ],
    ),
    advice(
        Code::DefaultValue,
        [
            "one value stands in too many records: a default value, or one person many times",
            "同じ値が多すぎます。既定値、または同一人物の多数の行の可能性があります",
        ],
        [
            "ask which value the system writes when it has none, and to leave the field empty instead",
            "値がない場合にシステムが書き込む既定値を確認し、空欄で出力するよう依頼してください",
        ],
    ),
    advice(
        Code::CutOff,
        [
            "many values end at the same width: the column is probably too narrow, and long values are cut off",
            "同じ幅で終わる値が多く、長い値が列の幅で切り捨てられている疑いがあります",
        ],
        [
            "ask for an extract with a wider column",
            "列の幅を広げた抽出を依頼してください",
        ],
    ),
    advice(
        Code::BirthMissing,
        ["records without a birth date", "生年月日が空欄です"],
        [
            "ask whether the system holds them elsewhere; such records can hardly be linked",
            "他の場所に登録されていないか確認してください。このままではほとんど連結できません",
        ],
    ),
    advice(
        Code::BirthPlaceholder,
        [
            "birth dates such as 1900-01-01 that stand for none",
            "1900-01-01 などの仮の生年月日です",
        ],
        [
            "ask to leave unknown birth dates empty, and have known ones corrected at the desk",
            "不明な生年月日は空欄で出力し、判明しているものは窓口で訂正してください",
        ],
    ),
    advice(
        Code::BirthPartial,
        [
            "birth dates without month or day",
            "月または日のない生年月日です",
        ],
        [
            "ask for whole dates where the system holds them; parts alone are not compared",
            "年月日がそろう場合は全体の出力を依頼してください。一部だけでは照合しません",
        ],
    ),
    advice(
        Code::BirthImpossible,
        [
            "birth dates that do not exist, or are no dates",
            "存在しない日付、または日付でない生年月日です",
        ],
        [
            "see the form of the dates in the extract; spreadsheets turn dates into numbers",
            "抽出の日付の書式を確認してください。表計算ソフトは日付を数値に変えることがあります",
        ],
    ),
    advice(
        Code::EraOverrun,
        [
            "years outside their era, such as Showa 65: the era letter may be wrong",
            "昭和65年など元号の範囲外の年があり、元号の誤りが疑われます",
        ],
        [
            "ask how the system converts eras, and have these records looked at",
            "元号の変換方法を確認し、該当レコードを点検してください",
        ],
    ),
    advice(
        Code::BirthFuture,
        ["birth dates still to come", "未来の生年月日です"],
        [
            "have these records corrected; the era may be wrong",
            "該当レコードを訂正してください。元号の誤りの可能性があります",
        ],
    ),
    advice(
        Code::BirthTooOld,
        [
            "birth dates more than 120 years ago",
            "120年より前の生年月日です",
        ],
        [
            "have these records looked at; the era may be wrong, or the date stands for none",
            "該当レコードを点検してください。元号の誤り、または仮の日付の可能性があります",
        ],
    ),
    advice(
        Code::SexCode,
        [
            "codes of the sex that the code table does not have",
            "コード表にない性別コードがあります",
        ],
        [
            "ask for the system's code table and write its codes into the mapping, section [sex]",
            "システムのコード表を入手し、対応表の [sex] に記入してください",
        ],
    ),
    advice(
        Code::SexMissing,
        ["records without a sex", "性別が空欄です"],
        [
            "ask whether the system holds it",
            "システムに登録がないか確認してください",
        ],
    ),
    advice(
        Code::SexBalance,
        [
            "more than four of five are of one sex",
            "一方の性別が8割を超えています",
        ],
        [
            "if the source is no maternity ward, check the code table of the sex",
            "産科などでなければ、性別のコード表を確認してください",
        ],
    ),
    advice(
        Code::PostalBad,
        [
            "postal codes that are placeholders or have not the form of one",
            "仮の値または書式不正の郵便番号です",
        ],
        [
            "ask for seven digits as text; spreadsheets drop leading zeros",
            "7桁の文字列での出力を依頼してください。表計算ソフトは先頭の0を落とします",
        ],
    ),
    advice(
        Code::AddressBad,
        ["addresses that cannot be read", "読み取れない住所です"],
        [
            "check the column of the address in the mapping",
            "対応表の住所の列を確認してください",
        ],
    ),
    advice(
        Code::NoBlock,
        [
            "addresses that end before the house number",
            "番地のない住所です",
        ],
        [
            "ask whether the house number stands in another column, and map it to `block`",
            "番地が別の列にないか確認し、対応表で block に割り当ててください",
        ],
    ),
    advice(
        Code::CheckDigit,
        [
            "insurer numbers that fail their check digit",
            "検証番号が一致しない保険者番号です",
        ],
        [
            "check the column of the insurer in the mapping; typing errors are found at the desk",
            "対応表の保険者番号の列を確認してください。入力誤りは窓口で訂正します",
        ],
    ),
    advice(
        Code::InsurerWidth,
        [
            "insurer numbers with neither six nor eight digits: leading zeros may be lost",
            "6桁でも8桁でもない保険者番号で、先頭の0が失われた疑いがあります",
        ],
        [
            "ask for insurer numbers as text, not through a spreadsheet",
            "表計算ソフトを経由せず、文字列での出力を依頼してください",
        ],
    ),
    advice(
        Code::InsurancePartial,
        [
            "an insurer without the number of the insured",
            "被保険者番号のない保険情報です",
        ],
        [
            "ask for symbol, number and branch beside the insurer",
            "保険者番号とともに記号・番号・枝番の出力を依頼してください",
        ],
    ),
    advice(
        Code::NoBranch,
        [
            "insurance without a branch: it tells the family, not the person",
            "枝番がなく、世帯までしか区別できません",
        ],
        [
            "ask for the branch (since 2021) as a column of its own",
            "枝番（2021年以降）の列の追加を依頼してください",
        ],
    ),
    advice(
        Code::SeveralNumbers,
        [
            "one name, birth date and sex under several record numbers: most likely persons who are registered twice",
            "氏名・生年月日・性別が同じで記録番号が異なり、二重登録の可能性が高いものです",
        ],
        [
            "nothing before sending: the linkage finds them; the institution may want to merge them",
            "送信前の対応は不要です。連結で同一人物と判定されます。施設内での統合を検討してください",
        ],
    ),
    advice(
        Code::NumberReused,
        [
            "one record number with different identifiers",
            "同じ記録番号に異なる識別情報があります",
        ],
        [
            "ask whether numbers are given again, for example after hospitals merged, or whether the column is the household's",
            "番号の再利用（施設統合など）や、世帯番号の列でないかを確認してください",
        ],
    ),
    advice(
        Code::RowsRefused,
        ["rows were left out", "除外した行があります"],
        [
            "look at the rows listed below in the file",
            "下の一覧の行をファイルで確認してください",
        ],
    ),
    advice(
        Code::TestRecords,
        ["test records of the institution", "テスト用のレコードです"],
        [
            "nothing: they are marked and never linked; better leave them out of the extract",
            "対応は不要です。印を付け、連結しません。可能なら抽出から除いてください",
        ],
    ),
    advice(
        Code::Newborns,
        [
            "newborns without a name of their own",
            "命名前の新生児のレコードです",
        ],
        [
            "nothing: their names are not compared; a later extract has them",
            "対応は不要です。氏名は照合しません。次回以降の抽出で更新されます",
        ],
    ),
    advice(
        Code::EncodingDisagrees,
        [
            "a file's own words about its encoding disagree with its bytes",
            "ファイルが示す文字コードと実際の内容が一致しません",
        ],
        [
            "nothing for reading: the bytes decide; ask the vendor to correct the header",
            "読み取りは内容に基づくため影響ありません。ベンダーに見出しの修正を依頼してください",
        ],
    ),
    advice(
        Code::MixedEncodings,
        [
            "the files are in different encodings",
            "ファイルごとに文字コードが異なります",
        ],
        [
            "nothing if all of them are right: each file is read in its own; else set source.encoding",
            "それぞれ正しければ対応は不要です。誤りがあれば source.encoding を設定してください",
        ],
    ),
    advice(
        Code::Undecodable,
        [
            "places in the files are no characters of their encoding",
            "文字コードとして復号できない箇所があります",
        ],
        [
            "ask for the extract again, copied in binary mode; the rows are listed below where they were left out",
            "バイナリモードでのコピーによる再抽出を依頼してください。除外した行は下の一覧にあります",
        ],
    ),
    advice(
        Code::FilesUnreadable,
        [
            "files could not be opened, or are too large",
            "開けないファイル、または大きすぎるファイルがあります",
        ],
        [
            "check their permissions; split what is too large",
            "権限を確認し、大きすぎるものは分割してください",
        ],
    ),
    advice(
        Code::MixedLineEnds,
        [
            "lines end in different ways within one file",
            "1つのファイル内で改行コードが混在しています",
        ],
        [
            "nothing: all are read; files that were put together by hand look so",
            "対応は不要です。手作業で結合したファイルに見られます",
        ],
    ),
    advice(
        Code::HalfWidthKana,
        ["kana of half width", "半角カナが含まれています"],
        [
            "nothing: they are read as kana of full width",
            "対応は不要です。全角カナとして読み取ります",
        ],
    ),
    advice(
        Code::Invisible,
        [
            "invisible characters stand in values",
            "不可視文字が含まれています",
        ],
        [
            "nothing: they are left out; they mostly come from copied text",
            "対応は不要です。読み取り時に除きます（多くは貼り付けた文字列に由来します）",
        ],
    ),
    advice(
        Code::OneSpelling,
        [
            "most names stand in one spelling only, kana or kanji",
            "大半の氏名がカナまたは漢字の一方だけです",
        ],
        [
            "if the system holds both, ask for both columns",
            "両方の表記があれば、両方の列の抽出を依頼してください",
        ],
    ),
    advice(
        Code::NotCarried,
        [
            "the source does not carry this field",
            "この項目はデータに含まれていません",
        ],
        [
            "if the system holds it, ask for it in the extract: links become stronger",
            "システムにあれば抽出への追加を依頼してください。連結が強くなります",
        ],
    ),
    advice(
        Code::EqualRecords,
        [
            "records that are equal to an earlier one",
            "前のレコードと同一のレコードです",
        ],
        [
            "nothing: they are sent once",
            "対応は不要です。送信は1回だけです",
        ],
    ),
    advice(
        Code::NumberWidths,
        [
            "record numbers have several widths: leading zeros may be lost",
            "記録番号の桁数がそろっておらず、先頭の0が失われた可能性があります",
        ],
        [
            "if the system pads them, declare `width` in the mapping",
            "システムで0埋めしている場合は、対応表に width を指定してください",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words_of_its_own() {
        assert_eq!(TABLE.len(), Code::NumberWidths as usize + 1);
        for (place, &(code, advice)) in TABLE.iter().enumerate() {
            assert_eq!(code as usize, place);
            assert_eq!(of(code), advice);
            for text in [advice.what, advice.ask] {
                assert!(text.ja.chars().any(|c| u32::from(c) > 0x3000), "{code:?}");
                assert!(text.en.is_ascii() || code == Code::Wildcards, "{code:?}");
            }
            let same = TABLE.iter().filter(|(_, other)| other.what == advice.what);
            assert_eq!(same.count(), 1, "{code:?}");
        }
    }
}
