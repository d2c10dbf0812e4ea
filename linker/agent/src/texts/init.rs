//! Sentences of `init`, and the comments of the files that it writes.

use super::t;
use crate::say::Text;

/// The rows.
pub(super) const TEXTS: &[Text] = &[
    t("Understood {path} as:", "読み取り結果（{path}）"),
    t("format\t{name}: {words}", "形式\t{name}（{words}）"),
    t("encoding\t{name}", "文字コード\t{name}"),
    t("delimiter\t{name}", "区切り文字\t{name}"),
    t("rows looked at\t{rows}", "調べた行\t{rows}"),
    t("comma", "カンマ"),
    t("semicolon", "セミコロン"),
    t("tab", "タブ"),
    t(
        "no\tcolumn\tmeaning\thow sure",
        "番号\t列の見出し\t項目\t確度",
    ),
    t("not used", "使用しません"),
    t("not recognised, not used", "判別できないため使用しません"),
    t(
        "same header twice, not used",
        "同じ見出しが複数あるため使用しません",
    ),
    t(
        "{field} is taken from another column",
        "{field}は別の列から取得します",
    ),
    t("sure", "確実"),
    t(
        "{sure}, but lengths differ: see the mapping",
        "{sure}（桁数が不揃いです。対応表を確認してください）",
    ),
    t("likely", "ほぼ確実"),
    t("CHECK: only the values look so", "要確認: 値からの推定です"),
    t(
        "CHECK: the values look like something else",
        "要確認: 見出しと値が合いません",
    ),
    t("CHECK: the header is vague", "要確認: 見出しがあいまいです"),
    t(
        "Nothing of any row is shown or stored; rows were only counted.",
        "行の内容は表示も保存もしていません（集計のみ行いました）。",
    ),
    t("written\t{path}", "作成したファイル\t{path}"),
    t("to be filled in\t{keys}", "記入が必要な項目\t{keys}"),
    t("to be checked\t{count}", "確認が必要な列\t{count}"),
    t("Next: {command}", "次の手順: {command}"),
    t(
        "A mapping needs the record number and one more column. Complete {path} before you go on.",
        "対応表には、患者番号（レコードの番号）の列のほかに 1 列以上が必要です。先に {path} を補ってください。",
    ),
    t(
        "write the header line above the first row and try again; columns without a header cannot be mapped",
        "先頭に見出し行を付けて、もう一度実行してください。見出しのない列は割り当てられません",
    ),
    t(
        "the folder holds files of {first} and of {second}",
        "フォルダーに {first} と {second} のファイルが混在しています",
    ),
    t("({why})", "（{why}）"),
    t(
        "check the path after --from; a network drive may not be mounted",
        "--from に指定したパスを確認してください。ネットワークドライブが接続されていない可能性があります",
    ),
    t(
        "export the file again as CP932 or UTF-8",
        "CP932（Shift_JIS）または UTF-8 で出力し直してください",
    ),
    t("a file of the source", "元データのファイル"),
    // Formats.
    t(
        "a tree of SS-MIX2 standardised storage",
        "SS-MIX2 標準化ストレージ",
    ),
    t("tables with a header line", "見出し行のある表"),
    t("claims files", "レセプト電算処理ファイル"),
    t(
        "responses of online eligibility checks",
        "オンライン資格確認の回答",
    ),
    t("archives of health check-ups", "特定健診の zip ファイル"),
    t("care-claims files", "介護給付費のファイル"),
    t("DICOM objects", "DICOM ファイル"),
    t("files of HL7 v2 messages", "HL7 v2 メッセージのファイル"),
];

/// The configuration that `init` writes. `{...}` are its values.
pub(crate) const CONFIGURATION: Text = Text {
    en: include_str!("../../samples/init/tokenizer.en.toml"),
    ja: include_str!("../../samples/init/tokenizer.ja.toml"),
};

/// The head of the mapping that `init` writes.
pub(crate) const MAPPING_HEAD: Text = Text {
    en: "\
# Column mapping, proposed by `tokenizer init`. Look at every line that is marked CHECK.
# Columns that are not named here are not read, except to look for numbers that must not be processed.

",
    ja: "\
# 列の対応表です（`tokenizer init` が作成）。「要確認」と書かれた行は必ず確認してください。
# ここに書かれていない列は読み込みません（取り扱いが禁じられた番号の検査だけを行います）。

",
};

/// What the configuration still needs.
pub(crate) const FILL_IN: Text = t(" TO BE FILLED IN.", "【要記入】");
/// Above the mapping's name.
pub(crate) const TABLE: Text = t(
    "Which column holds what. Look at every line of that file that is marked CHECK.",
    "列の対応表。このファイルの「要確認」の行を必ず確認してください。",
);
/// Comments of the mapping.
pub(crate) const MARK: Text = t("CHECK", "要確認");
/// A column without a meaning.
pub(crate) const UNUSED: Text = t("Not used:", "使用しない列:");
/// A missing record number.
pub(crate) const NO_RECORD_ID: Text = t(
    "CHECK: name the column that numbers the records, and take away the number signs.",
    "要確認: レコードの番号の列を指定し、行頭の # を外してください。",
);
/// Figures of different lengths.
pub(crate) const WIDTH: Text = t(
    "CHECK: numbers have different lengths. If leading zeros were dropped, take away the number sign:",
    "要確認: 桁数が揃っていません。先頭の 0 が落ちている場合は、次の行の # を外してください。",
);
/// Codes of sex.
pub(crate) const SEX: Text = t(
    "Codes of this source for sex. Without this part: 1, M, male, 男 and 2, F, female, 女.\n# [sex]\n# male = [\"1\"]\n# female = [\"2\"]",
    "性別のコードが下記以外の場合に指定します。省略時: 男 = 1, M, male, 男 / 女 = 2, F, female, 女\n# [sex]\n# male = [\"1\"]\n# female = [\"2\"]",
);
