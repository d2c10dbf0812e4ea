//! Sentences of the consultation desk.

use super::t;
use crate::say::Text;

/// The rows.
pub(super) const TEXTS: &[Text] = &[
    t(
        "only a consultation desk may ask, and this is a source site's",
        "照会できるのは相談窓口だけです（この設定は提供施設のものです）",
    ),
    t(
        "a consultation desk reads nothing; it runs `tokenizer lookup`",
        "相談窓口では元データを読み込みません。`tokenizer lookup` を使用してください",
    ),
    t("a source site has one", "提供施設には必要です"),
    t(
        "a consultation desk reads nothing and has none",
        "相談窓口では指定できません",
    ),
    t("what would help: {kinds}", "追加で聞くとよい項目: {kinds}"),
    t("name", "氏名"),
    t("birth date", "生年月日"),
    t("address", "住所"),
    t("insurance", "保険"),
    t(
        "a typed value is a number that must not be processed (My Number, residence code)",
        "入力された値は、取り扱いが禁じられた番号（マイナンバー、住民票コード）です",
    ),
    t(
        "leave that field empty, and do not write the number down anywhere",
        "その項目を空欄にし、番号をどこにも書き留めないでください",
    ),
    t(
        "it gave no answer that this version knows",
        "このバージョンで解釈できない回答でした",
    ),
    t(
        "one person of the newest run fits what was typed",
        "該当あり。最新の連結処理に、入力内容に合う人が 1 人います",
    ),
    t(
        "nobody in the newest run fits; what sites sent later is not in it",
        "該当なし。最新の連結処理に合う人はいません（その後に施設から届いた分は含まれません）",
    ),
    t(
        "check the spelling, try a former name, ask for what was left out (address, insurance), and look up again; if it stays ambiguous, say neither yes nor no, and hand the question to the project's office",
        "判定できません。表記を確認し、旧姓でも試し、空欄の項目（住所・保険）も聞いて、もう一度照会してください。それでも判定できないときは、「ある」「ない」のどちらとも答えず、事務局に引き継いでください",
    ),
    t(
        "Leave out what is not known with the Enter key. Nothing is kept.",
        "分からない項目は何も入力せずに Enter キーを押してください。入力内容は保存されません。",
    ),
    t("name in kana", "氏名（カナ）"),
    t("name in kanji", "氏名（漢字）"),
    t("given name", "名"),
    t("surname", "姓"),
    t(
        "birth date (1980-01-02)",
        "生年月日（1980-01-02、昭和55年1月2日）",
    ),
    t("sex (M, F)", "性別（男・女）"),
    t("postal code", "郵便番号"),
    t("town", "町"),
    t("street", "通り"),
    t("house number", "番地"),
    t("insurer number", "保険者番号"),
    t("symbol of the insured", "記号"),
    t("number of the insured", "番号"),
    t("branch of the insured", "枝番"),
    t("it cannot be read", "読み取れません"),
    t("more than {limit} bytes", "{limit} バイトを超えています"),
    t(
        "line {number} is not FIELD=VALUE with one of {tags}",
        "{number} 行目が FIELD=VALUE の形ではありません（使える項目: {tags}）",
    ),
    t(
        "line {line}, column {column}: it is an object of texts with {tags}",
        "{line} 行目 {column} 文字目: 文字列だけを持つオブジェクトを指定してください（使える項目: {tags}）",
    ),
    t(
        "{tag} is none of {tags}",
        "{tag} という項目はありません（使える項目: {tags}）",
    ),
    t("{what} is not UTF-8", "{what}が UTF-8 ではありません"),
    t(
        "{what} is not in the terminal's character set",
        "{what}が端末の文字コードとして読めません",
    ),
    t("the object", "標準入力の内容"),
    t(
        "{field} has more than {limit} bytes",
        "{field} が {limit} バイトを超えています",
    ),
];
