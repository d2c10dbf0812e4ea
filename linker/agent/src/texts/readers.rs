//! Sentences of the readers of files: why a file, a row or a mapping was refused. The readers give their
//! rules in English; these rows say them in other languages.

use super::t;
use crate::say::Text;

/// The rows.
pub(super) const TEXTS: &[Text] = &[
    // Files.
    t("the file is empty", "ファイルが空です"),
    t(
        "the file ends in the middle of a record, so a part of it is missing",
        "ファイルがレコードの途中で終わっており、一部が欠けています",
    ),
    t(
        "{what} exceeds its limit of {limit}",
        "{what}が上限（{limit}）を超えています",
    ),
    t(
        "the file is declared as {declared} and its bytes look like {found}",
        "指定された文字コードは {declared} ですが、内容は {found} と判定されました",
    ),
    t(
        "its bytes look like {found}, and init reads UTF-8 and CP932",
        "文字コードは {found} と判定されました。init で読み込めるのは UTF-8 と CP932（Shift_JIS）です",
    ),
    t(
        "its bytes look like {found}, and UTF-8, UTF-16 and CP932 are read",
        "文字コードは {found} と判定されました。読み込めるのは UTF-8、UTF-16、CP932（Shift_JIS）です",
    ),
    t(
        "{who} says {declared} and the bytes look like {found}",
        "{who}では {declared} と指定されていますが、内容は {found} と判定されました",
    ),
    t("the mapping", "列の対応表"),
    t(
        "the file is not {format}: {rule}",
        "{format}ではありません: {rule}",
    ),
    t("no known encoding", "不明な文字コード"),
    t(
        "the header has no column {header}, which the mapping gives to {field}",
        "見出し行に {header} の列がありません（列の対応表では {field} に割り当てられています）",
    ),
    t(
        "the header has the column {header} more than once",
        "見出し行に {header} の列が 2 つ以上あります",
    ),
    t(
        "the mapping file does not parse: {reason}",
        "列の対応表の書き方に誤りがあります: {reason}",
    ),
    t(
        "the mapping is not usable: {rule}",
        "列の対応表を使用できません: {rule}",
    ),
    // Forbidden numbers.
    t(
        "{column} holds {number}, as its header says",
        "{column}は、見出しによると{number}です",
    ),
    t(
        "{column} holds {number}: {passed} of {seen} numbers of its length pass its check digit",
        "{column}は{number}と判定されました（桁数の一致する番号 {seen} 個のうち {passed} 個が検査数字に合致）",
    ),
    t("column {number}", "{number} 列目"),
    t("My Number", "マイナンバー（個人番号）"),
    t("the residence code", "住民票コード"),
    // Formats.
    t("a table with a header", "見出し行のある表"),
    t("a register's extract", "住民基本台帳の抽出ファイル"),
    t("an eligibility response", "資格確認の回答ファイル"),
    t("a claims file", "レセプト電算処理ファイル"),
    t("FHIR in JSON", "FHIR（JSON）"),
    t("an archive of health check-ups", "特定健診の zip ファイル"),
    t("a file of HL7 v2 messages", "HL7 v2 メッセージのファイル"),
    t("DPC Form 1", "DPC 様式1"),
    t("an ADT-00 message", "ADT-00 メッセージ"),
    t("a care-claims file", "介護給付費のファイル"),
    t("a mapping file", "列の対応表のファイル"),
    t("the row", "行"),
    // Rules of tables.
    t(
        "the header's quotation marks do not match",
        "見出し行の引用符（\"）の対応が取れていません",
    ),
    t(
        "the header is longer than a row may be",
        "見出し行が長すぎます",
    ),
    t(
        "the header is not in the file's encoding",
        "見出し行がファイルの文字コードで読めません",
    ),
    t(
        "its first line is not a header",
        "先頭行が見出し行ではありません",
    ),
    t(
        "no comma, semicolon or tab separates its columns",
        "列の区切り（カンマ、セミコロン、タブ）が見つかりません",
    ),
    t(
        "the delimiter is a comma, a semicolon or a tab",
        "区切り文字にはカンマ、セミコロン、タブのいずれかを指定してください",
    ),
    t("it has too many columns", "列が多すぎます"),
    t(
        "a field may be given by one column only",
        "1 つの項目に複数の列は割り当てられません",
    ),
    t(
        "one column must give the field record-id",
        "record-id に割り当てる列が必要です",
    ),
    t(
        "at least one column beside record-id is needed",
        "record-id のほかに 1 列以上の割り当てが必要です",
    ),
    t("a column has an empty header", "見出しが空の列があります"),
    t(
        "a column is declared wider than 64",
        "桁数に 64 を超える値が指定されています",
    ),
    t(
        "a column is padded with a control character",
        "桁埋めに制御文字が指定されています",
    ),
    t(
        "a column with My Number or the residence code must not be mapped",
        "マイナンバーまたは住民票コードの列は割り当てられません",
    ),
    // Rules of the other formats.
    t(
        "it has more than one root element",
        "ルート要素が 2 つ以上あります",
    ),
    t(
        "it has a document type declaration",
        "文書型宣言（DOCTYPE）が含まれています",
    ),
    t("it has no root element", "ルート要素がありません"),
    t(
        "it uses an entity that XML does not define",
        "XML で定義されていない実体参照が使われています",
    ),
    t("it is not a zip archive", "zip 形式ではありません"),
    t(
        "an entry is not where it should be",
        "格納ファイルの位置が正しくありません",
    ),
    t(
        "two entries share bytes",
        "格納ファイルの領域が重複しています",
    ),
    t("it is encrypted", "暗号化されています"),
    t(
        "it is compressed in another way than deflate",
        "deflate 以外の方式で圧縮されています",
    ),
    t(
        "it has no DATA/h*.xml",
        "DATA フォルダーに h*.xml がありません",
    ),
    t(
        "it has neither the mark DICM nor a first element of group 0002 or 0008",
        "DICM の識別子も、グループ 0002 または 0008 の先頭要素もありません",
    ),
    t(
        "its elements are not in order",
        "データ要素の順序が正しくありません",
    ),
    t(
        "an element names no representation",
        "値表現（VR）のないデータ要素があります",
    ),
    t(
        "a value that is no sequence has no length",
        "シーケンス以外の値に長さがありません",
    ),
    t(
        "its data set is compressed as a whole",
        "データセット全体が圧縮されています",
    ),
    t(
        "a sequence holds something else than items",
        "シーケンスに項目以外のものが含まれています",
    ),
    t(
        "it does not start with a UK, IR, YK, HM or RE record",
        "UK、IR、YK、HM、RE のいずれかのレコードで始まっていません",
    ),
    t("PID-3 is empty", "PID-3 が空です"),
    t(
        "its first line is no resource",
        "先頭行がリソースではありません",
    ),
    t("it is not JSON", "JSON ではありません"),
    t(
        "it names no kind of resource",
        "リソースの種類が示されていません",
    ),
    t(
        "its delimiters in MSH-1 and MSH-2 are not |^~\\&",
        "MSH-1 と MSH-2 の区切り文字が |^~\\& ではありません",
    ),
    t(
        "it holds no ADT message",
        "ADT メッセージが含まれていません",
    ),
    t(
        "its first line has no 8-digit admission date in column 3 and no code in column 6",
        "先頭行の 3 列目に 8 桁の入院日、6 列目にコードがありません",
    ),
    t("it does not start with MSH", "MSH で始まっていません"),
    t(
        "it holds more than one message",
        "複数のメッセージが含まれています",
    ),
    t("it has no MSH", "MSH がありません"),
    t(
        "its type in MSH-9 is not ADT",
        "MSH-9 のメッセージ型が ADT ではありません",
    ),
    t("it has no PID", "PID がありません"),
    t("a value is too long", "長すぎる値があります"),
    t(
        "it does not start with a control record or a data record of one",
        "コントロールレコードまたはデータレコードで始まっていません",
    ),
];

/// Fields of mappings, by their tags.
pub(super) const FIELDS: &[(&str, Text)] = &[
    ("record-id", t("record number", "患者番号（住民番号など）")),
    ("kanji-name", t("name in kanji", "漢字氏名")),
    ("kanji-family", t("family name in kanji", "漢字 姓")),
    ("kanji-given", t("given name in kanji", "漢字 名")),
    ("kana-name", t("name in kana", "カナ氏名")),
    ("kana-family", t("family name in kana", "カナ 姓")),
    ("kana-given", t("given name in kana", "カナ 名")),
    (
        "former-kanji-name",
        t("former or other name in kanji", "旧氏名・通称（漢字）"),
    ),
    (
        "former-kanji-family",
        t("former family name in kanji", "旧姓（漢字）"),
    ),
    (
        "former-kana-name",
        t("former or other name in kana", "旧氏名・通称（カナ）"),
    ),
    (
        "former-kana-family",
        t("former family name in kana", "旧姓（カナ）"),
    ),
    ("given-name", t("given name in Latin script", "ローマ字 名")),
    ("surname", t("surname in Latin script", "ローマ字 姓")),
    (
        "former-surname",
        t("former surname in Latin script", "ローマ字 旧姓"),
    ),
    ("birth-date", t("birth date", "生年月日")),
    ("sex", t("sex", "性別")),
    ("postal-code", t("postal code", "郵便番号")),
    ("address", t("address", "住所")),
    ("phone", t("telephone number", "電話番号")),
    ("town", t("town", "町名")),
    ("block", t("house number", "番地")),
    ("street", t("street", "通り（ローマ字）")),
    ("insurer", t("insurer number", "保険者番号")),
    (
        "insured-symbol",
        t("symbol of the insured", "被保険者証 記号"),
    ),
    (
        "insured-number",
        t("number of the insured", "被保険者証 番号"),
    ),
    (
        "insured-branch",
        t("branch of the insured", "被保険者証 枝番"),
    ),
    ("deceased", t("death", "死亡（異動事由）")),
    ("multiple-birth", t("multiple birth", "多胎")),
];

/// Codes of rows that are left out and of what is noticed about records.
pub(super) const CODES: &[(&str, Text)] = &[
    (
        "row-columns",
        t(
            "other number of columns than the header",
            "列の数が見出しと異なる",
        ),
    ),
    (
        "row-truncated",
        t(
            "the file ends inside the row",
            "行の途中でファイルが終わっている",
        ),
    ),
    (
        "row-quote",
        t(
            "a quotation mark in the wrong place",
            "引用符の位置が正しくない",
        ),
    ),
    (
        "row-bytes",
        t(
            "bytes that are not of the file's encoding",
            "文字コードとして読めない",
        ),
    ),
    ("row-no-record-id", t("no record number", "患者番号がない")),
    (
        "row-too-long",
        t("a value or the row is too long", "値または行が長すぎる"),
    ),
    ("row-malformed", t("not of its format", "所定の形式でない")),
    (
        "row-nothing-usable",
        t("no usable identifier", "使用できる項目がない"),
    ),
    (
        "file-too-large",
        t("the file is too large", "ファイルが大きすぎる"),
    ),
    ("empty-file", t("the file is empty", "ファイルが空")),
    (
        "truncated-file",
        t(
            "the file ends in the middle of a record",
            "ファイルが途中で終わっている",
        ),
    ),
    (
        "wrong-encoding",
        t("another character encoding", "文字コードが異なる"),
    ),
    (
        "wrong-structure",
        t("not of its format", "所定の形式でない"),
    ),
    ("no-kana-name", t("no name in kana", "カナ氏名がない")),
    ("no-kanji-name", t("no name in kanji", "漢字氏名がない")),
    (
        "wildcard-name",
        t(
            "a name with a character the source could not write",
            "氏名に表示できない文字がある",
        ),
    ),
    (
        "wildcard-other",
        t(
            "such a character elsewhere",
            "氏名以外に表示できない文字がある",
        ),
    ),
    (
        "placeholder-name",
        t(
            "a word for no name in place of the name",
            "氏名の代わりに「不明」などが入っている",
        ),
    ),
    (
        "placeholder-other",
        t(
            "a word or number for none elsewhere",
            "氏名以外に「不明」や 9999 などが入っている",
        ),
    ),
    (
        "town-filled",
        t(
            "town filled in from the postal code",
            "郵便番号から町名を補った",
        ),
    ),
    (
        "postal-code-filled",
        t(
            "postal code filled in from the address",
            "住所から郵便番号を補った",
        ),
    ),
    (
        "postal-contradicts-address",
        t(
            "postal code and address contradict each other",
            "郵便番号と住所が一致しない",
        ),
    ),
    (
        "frequent-phone",
        t(
            "telephone number of very many records",
            "多くの記録に共通の電話番号が入っている",
        ),
    ),
    (
        "name-note",
        t(
            "a title or note was taken off the name",
            "氏名から敬称・注記を除いた",
        ),
    ),
    (
        "newborn-name",
        t("the name of a newborn or its mother", "新生児の仮の氏名"),
    ),
    (
        "kana-from-latin",
        t("kana made from Latin letters", "ローマ字からカナを作成した"),
    ),
    ("test-record", t("a test record", "テスト患者")),
    ("no-birth-date", t("no birth date", "生年月日がない")),
    (
        "partial-birth-date",
        t("a birth date with unknown parts", "生年月日の一部が不明"),
    ),
    (
        "placeholder-birth-date",
        t("a birth date that stands for none", "生年月日が仮の値"),
    ),
    (
        "unreadable-birth-date",
        t("an unreadable birth date", "生年月日を読み取れない"),
    ),
    (
        "era-overrun",
        t("a year outside its era", "元号の範囲外の年"),
    ),
    ("no-sex", t("no sex", "性別がない")),
    ("no-postal-code", t("no postal code", "郵便番号がない")),
    ("no-address", t("no address", "住所がない")),
    (
        "no-block",
        t("an address without house number", "住所に番地がない"),
    ),
    ("no-insurance", t("no insurance", "保険情報がない")),
    (
        "insurer-check-digit",
        t(
            "an insurer number with a wrong check digit",
            "保険者番号の検査数字が合わない",
        ),
    ),
    ("no-branch", t("an insurance without branch", "枝番がない")),
    (
        "encoding-disagrees",
        t(
            "bytes that disagree with the declared encoding",
            "宣言された文字コードと内容が異なる",
        ),
    ),
    (
        "replaced-character",
        t("a replaced character", "置き換えた文字がある"),
    ),
    ("former-name", t("a second name", "旧姓・通称がある")),
    ("deceased", t("deceased", "死亡")),
    (
        "no-token",
        t("no token can be made", "トークンを作成できない"),
    ),
];
