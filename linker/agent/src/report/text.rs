//! Words of reports in both languages, side by side so that neither is forgotten.

use super::{
    field::{Group, Notice, Reason},
    findings::{Level, Readiness},
};
pub use crate::say::Text;

macro_rules! texts {
    ($($name:ident = $en:literal, $ja:literal;)*) => {
        $(pub(super) const $name: Text = Text::new($en, $ja);)*
        /// All plain words, for the tests.
        #[cfg(test)]
        const ALL: &[Text] = &[$($name),*];
    };
}

texts! {
    TITLE = "Data check", "データ点検";
    SITE = "Site", "施設";
    FORMAT = "Format", "形式";
    DAY = "Day", "実施日";
    SCHEMA = "Schema", "方式";
    READINESS = "Readiness", "判定";
    FINDINGS = "What stands out", "気づいた点";
    NOTHING = "Nothing stands out.", "特に気づいた点はありません。";
    ASK = "What to do", "対応";
    FILES = "Files", "ファイル";
    ROWS = "Rows", "行";
    RECORDS = "Usable records", "使用できるレコード";
    LEFT_OUT = "Left out", "除外";
    DELETIONS = "Deletions", "削除通知";
    FIELDS = "Fields", "項目";
    FIELD = "Field", "項目";
    USABLE = "Usable", "使用可";
    UNUSABLE = "Not usable", "使用不可";
    EMPTY = "Empty", "空欄";
    MOST_FREQUENT = "Most frequent value", "最頻値の割合";
    DIFFERENT = "Different values", "異なり数";
    NOT_CARRIED = "not in this source", "この抽出にはありません";
    WHY = "Why values cannot be used", "使用できない理由";
    NOTICED = "Noticed", "検出事項";
    COUNT = "Records", "件数";
    SHARE = "Share", "割合";
    SPELLINGS = "Spellings of names", "氏名の表記";
    BOTH = "kana and kanji", "カナと漢字";
    KANA_ONLY = "kana only", "カナのみ";
    KANJI_ONLY = "kanji only", "漢字のみ";
    LATIN_ONLY = "Latin letters only", "ローマ字のみ";
    NO_NAME = "no usable name", "使用できる氏名なし";
    STRENGTH = "Expected strength of links", "見込まれる連結の強さ";
    SEGMENTS = "Segments of the token", "トークンの区分";
    BIRTHS = "Year of birth", "生年";
    FUTURE = "still to come", "未来の日付";
    TOO_OLD = "more than 120 years ago", "120年より前";
    SEXES = "Sex", "性別";
    MALE = "male", "男";
    FEMALE = "female", "女";
    UNKNOWN = "not known", "不明";
    REPEATS = "Records that repeat others", "重複";
    NUMBERS = "different record numbers", "異なる記録番号（患者番号など）";
    EQUAL = "records equal to an earlier one (sent once)", "前のレコードと同一（送信は1回）";
    SEVERAL_TOKENS = "record numbers with different identifiers", "識別情報が複数ある記録番号";
    SEVERAL_NUMBERS = "equal identifiers under several record numbers", "識別情報が同一で記録番号が複数";
    PERSONS = "same name, birth date and sex under several record numbers", "氏名・生年月日・性別が同一で記録番号が複数";
    ESTIMATE = "estimated", "推定値";
    WIDTHS = "Widths of values (bytes in CP932)", "値の幅（CP932のバイト数）";
    WIDTH = "Width", "幅";
    OF_WIDTH = "Values of it", "その幅の値";
    OTHER_WIDTHS = "Other widths", "その他の幅";
    FIXED = "commonest", "最多の幅";
    CUT = "may be cut off", "切り捨ての疑い";
    ENCODING_DECLARED = "Encoding, declared", "文字コード（設定）";
    ENCODING_FOUND = "Encoding, found", "文字コード（実際）";
    UNDECODABLE = "Undecodable places", "復号できない箇所";
    LINE_ENDS = "Line ends", "改行";
    MARKED = "With byte order mark", "BOM付き";
    VERSIONS = "Versions", "版";
    LOOKED_AT = "Files whose bytes were looked at", "内容を点検したファイル";
    OTHER_FILES = "Other files, left alone", "対象外のファイル";
    DELETED_PATIENTS = "Deleted patients", "削除された患者";
    WITHOUT_CURRENT = "Patients without a current message", "現行版のない患者";
    WHERE = "Where rows were left out", "除外した行の場所";
    FILE_ROW = "file %1, rows %2", "%1番目のファイル、行 %2";
    ROW_LIST = "rows %2", "行 %2";
    FILE_LIST = "files %2 in the order of their names", "名前順で %2 番目のファイル";
    REASON = "Reason", "理由";
    PRIVACY = "Counts only: this report holds no value of any record. Nothing was sent and nothing was kept. Counts of people below %1 are shown as <%1, and beside them others of the same whole are rounded to tens (~).",
        "この報告は件数のみを含み、個々のレコードの値は含みません。何も送信せず、何も保存していません。%1人未満の件数は「<%1」と表示し、同じ合計に属する他の件数は10単位に丸めて「~」を付けます。";
    REFUSED_BY_RUN = "A run would refuse this source", "このデータは実行時に拒否されます";
    CODE = "Code", "コード";
    CHART_FIELDS = "Share of usable, unusable and empty values of each field", "項目ごとの使用可・使用不可・空欄の割合";
    HISTORY = "Runs of this site", "実行の履歴";
    NO_RUNS = "No run is recorded yet.", "実行の記録はまだありません。";
    TIME = "Time (UTC)", "日時（UTC）";
    RESULT = "Result", "結果";
    TOKENS = "Tokens", "トークン";
    SENT = "Batches sent", "送信バッチ";
    ADMITTED = "Admitted", "受理";
    QUARANTINED = "Quarantined", "隔離";
    RECEIPTS = "Receipts", "受領書";
    DONE = "done", "完了";
    TREND = "What got worse", "悪化した点";
    NO_TREND = "Nothing got worse by more than the limit.", "基準を超えて悪化した点はありません。";
    TREND_WORSE = "%1: from %2 to %3 of the records", "%1：レコードの %2 から %3 に増加";
    TREND_SHRUNK = "usable records: from %2 to %3; the extract may be incomplete", "使用できるレコード：%2 件から %3 件に減少。抽出が不完全な可能性があります";
    TREND_FAILED = "the last run failed: %1", "最後の実行は失敗しました：%1";
    TREND_QUARANTINED = "rows were quarantined by the appliance: %1; ask its operator", "連結サーバーで隔離された行：%1。運用者に問い合わせてください";
    TOTALS = "Altogether", "合計";
    ALL_RECEIPTS = "verified receipts", "検証済みの受領書";
    ALL_ADMITTED = "rows admitted", "受理された行";
    ALL_QUARANTINED = "rows quarantined", "隔離された行";
    ALL_WAITING = "sealed batches that wait", "送信待ちの封緘済みバッチ";
    CHART_RUNS = "Usable records of each run", "実行ごとの使用できるレコード数";
    CHART_QUALITY = "Share of records with each remark, by run", "実行ごとの検出事項の割合";
    OLDER_RUNS = "older runs are not listed: %1", "これより前の実行 %1 件は省略";
    HISTORY_PRIVACY = "Counts only: this report holds no value of any record. Counts of people below %1 are shown as <%1.",
        "この報告は件数のみを含み、個々のレコードの値は含みません。%1人未満の件数は「<%1」と表示します。";
}

/// A field.
#[must_use]
pub fn of_group(group: Group) -> Text {
    match group {
        Group::Kanji => Text::new("name, kanji", "漢字氏名"),
        Group::Kana => Text::new("name, kana", "カナ氏名"),
        Group::Latin => Text::new("name, Latin", "ローマ字氏名"),
        Group::Birth => Text::new("birth date", "生年月日"),
        Group::Sex => Text::new("sex", "性別"),
        Group::Postal => Text::new("postal code", "郵便番号"),
        Group::Address => Text::new("address", "住所"),
        Group::Phone => Text::new("telephone", "電話番号"),
        Group::Insurance => Text::new("insurance", "保険"),
    }
}

/// Why a value cannot be used.
#[must_use]
pub fn of_reason(reason: Reason) -> Text {
    match reason {
        Reason::Wildcard => Text::new("unknown characters (■ ● 〓)", "不明文字（■●〓など）"),
        Reason::Mojibake => Text::new("garbled by a wrong encoding", "文字化け"),
        Reason::Placeholder => Text::new("placeholder", "仮の値"),
        Reason::Partial => Text::new("parts missing", "一部欠落"),
        Reason::Impossible => Text::new("no such date", "存在しない日付"),
        Reason::UnknownCode => Text::new("unknown code", "未定義のコード"),
        Reason::OtherScript => Text::new("written in another script", "別の文字種"),
        Reason::Newborn => Text::new("newborn without a name", "命名前の新生児"),
        Reason::Malformed => Text::new("not in the form of its field", "書式不正"),
    }
}

/// What was noticed about a value.
#[must_use]
pub fn of_notice(notice: Notice) -> Text {
    match notice {
        Notice::Wildcard => Text::new("unknown characters (■ ● 〓)", "不明文字（■●〓など）"),
        Notice::Replacement => Text::new("replacement characters (U+FFFD)", "置換文字（U+FFFD）"),
        Notice::PrivateUse => Text::new("own characters (gaiji)", "外字（私用領域）"),
        Notice::HalfWidthKana => Text::new("kana of half width", "半角カナ"),
        Notice::FullWidthDigits => Text::new("digits of full width", "全角数字"),
        Notice::Invisible => Text::new("invisible characters", "不可視文字"),
        Notice::Mojibake => Text::new("garbled by a wrong encoding", "文字化け"),
        Notice::EraOverrun => Text::new("year outside its era", "元号の範囲外の年"),
        Notice::CheckDigit => Text::new(
            "insurer fails its check digit",
            "保険者番号の検証番号不一致",
        ),
        Notice::NoBranch => Text::new("no branch", "枝番なし"),
        Notice::NoBlock => Text::new("no house number", "番地なし"),
        Notice::Note => Text::new("title or note taken off", "敬称・注記を除去"),
        Notice::Derived => Text::new(
            "taken from another column or script",
            "他の列・文字種から作成",
        ),
    }
}

/// How much of a person a record tells, by its name in JSON.
#[must_use]
pub fn of_strength(strength: &str) -> Text {
    match strength {
        "all" => Text::new(
            "name, birth date, place and insurance",
            "氏名・生年月日・住所・保険",
        ),
        "insured" => Text::new("name, birth date and insurance", "氏名・生年月日・保険"),
        "placed" => Text::new("name, birth date and place", "氏名・生年月日・住所"),
        "named" => Text::new("name and birth date", "氏名・生年月日"),
        "weak" => Text::new(
            "less: no name or no birth date",
            "氏名または生年月日なし（弱い）",
        ),
        _ => Text::new(
            "test record, never linked",
            "テスト用レコード（連結されない）",
        ),
    }
}

/// A readiness.
#[must_use]
pub fn of_readiness(readiness: Readiness) -> Text {
    match readiness {
        Readiness::Ready => Text::new("ready to send", "送信できます"),
        Readiness::ReadyWithWarnings => {
            Text::new("ready, with warnings", "送信できますが、警告があります")
        }
        Readiness::DoNotSend => Text::new("do not send", "送信しないでください"),
    }
}

/// A level.
#[must_use]
pub fn of_level(level: Level) -> Text {
    match level {
        Level::Stop => Text::new("stop", "停止"),
        Level::Warn => Text::new("warning", "警告"),
        Level::Note => Text::new("note", "参考"),
    }
}

/// What a code means: why a row was left out, what the normaliser noticed.
#[must_use]
pub fn of_code(code: &str) -> Option<Text> {
    crate::texts::code(code).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| u32::from(c) > 0x3000)
    }

    #[test]
    fn every_text_is_there_in_both_languages() {
        let readiness = [
            Readiness::Ready,
            Readiness::ReadyWithWarnings,
            Readiness::DoNotSend,
        ];
        let levels = [Level::Stop, Level::Warn, Level::Note];
        let strengths = ["all", "insured", "placed", "named", "weak", "test"];
        let texts = ALL
            .iter()
            .copied()
            .chain(Group::ALL.iter().copied().map(of_group))
            .chain(Reason::ALL.iter().copied().map(of_reason))
            .chain(Notice::ALL.iter().copied().map(of_notice))
            .chain(readiness.map(of_readiness))
            .chain(levels.map(of_level))
            .chain(strengths.map(of_strength));
        assert!(of_code("no-sex").is_some() && of_code("none").is_none());
        for text in texts {
            let places = |text: &str| (1..4).filter(|n| text.contains(&format!("%{n}"))).count();
            assert!(
                is_japanese(text.ja) || text.ja.contains("BOM"),
                "{}",
                text.ja
            );
            assert!(!text.en.is_empty() && text.en != text.ja, "{}", text.en);
            assert_eq!(places(text.en), places(text.ja), "{}", text.en);
        }
    }
}
