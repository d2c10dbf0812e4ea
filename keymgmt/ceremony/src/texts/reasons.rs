//! What a code means, in Japanese. In English the error says it.

use crate::say::Language;

const REASONS: [(&str, &str); 47] = [
    ("BAD_CONFIG", "設定ファイルが正しくありません。"),
    ("FILE", "ファイルを読み書きできません。"),
    ("EXISTS", "同じ名前のものが既にあります。上書きはしません。"),
    ("TOO_LARGE", "大きすぎます。"),
    (
        "NO_QUORUM",
        "定足数に達していないか、別の手順書が確認されました。",
    ),
    ("BAD_REQUEST", "施設の申請が使えません。"),
    (
        "BAD_ANSWER",
        "施設の鍵の保有を確認できません（確認用ファイルへの回答）。",
    ),
    ("BAD_RECEIPT", "施設の受領書が正しくありません。"),
    (
        "TRANSCRIPT_BROKEN",
        "記録が壊れているか、書き換えられています。",
    ),
    (
        "BAD_PLAN",
        "この手順は、このフォルダーの状態では実行できません。",
    ),
    (
        "NOT_CONFIRMED",
        "確認の入力が一致しなかったため、行いませんでした。",
    ),
    ("BAD_STATEMENT", "施設の削除証明が正しくありません。"),
    ("CLOCK_BACK", "時計が記録より遅れています。"),
    (
        "ENVIRONMENT_CHANGED",
        "環境ファイルがセレモニー開始時と異なります。",
    ),
    ("WRONG_FOLDER", "このセレモニーのフォルダーではありません。"),
    ("WRONG_TOKEN", "トークンが違います。"),
    ("CEREMONY_OPEN", "前のセレモニーが終わっていません。"),
    ("CEREMONY_ENDED", "このセレモニーは既に終わっています。"),
    (
        "RESTORE_FAILED",
        "復元先のモジュールでの作業に失敗しました。",
    ),
    ("BUSY", "同じフォルダーで別の実行が動いています。"),
    ("NO_TERMINAL", "端末がありません。"),
    (
        "ON_BREAK",
        "休憩のため停止しました。resume で続行できます。",
    ),
    ("ABORTED", "中止しました。"),
    ("UNPRINTABLE", "印刷用の書体にない文字があります。"),
    ("PRINT", "印刷できません。"),
    ("BAD_WORDS", "入力された単語または数字が正しくありません。"),
    ("MODULE_UNAVAILABLE", "PKCS#11 モジュールを読み込めません。"),
    ("TOKEN_NOT_FOUND", "トークンが見つかりません。"),
    ("TOKEN_AMBIGUOUS", "同じ名前のトークンが既にあります。"),
    (
        "WRONG_PIN",
        "トークンが PIN を受け付けませんでした。再入力の前に PIN を確かめてください。",
    ),
    ("PIN_LOCKED", "トークンの PIN がロックされています。"),
    (
        "BAD_PIN_FILE",
        "PIN ファイルが正しくないか、ほかの人にも読める状態です。",
    ),
    ("KEY_MISSING", "鍵がトークンにありません。"),
    (
        "KEY_STILL_THERE",
        "破棄したはずの鍵がトークンに残っています。",
    ),
    ("KEY_MISMATCH", "鍵が台帳のものと一致しません。"),
    ("HSM_UNAVAILABLE", "トークンが操作に失敗しました。"),
    ("SESSION_LIMIT", "トークンのセッションがすべて使用中です。"),
    (
        "BAD_PROFILE",
        "モジュールのプロファイルが正しくありません。",
    ),
    ("MALFORMED", "文書の形式が正しくありません。"),
    (
        "NOT_AUTHENTIC",
        "改変されているか、別の鍵や場所のためのものです。",
    ),
    ("BAD_SIGNATURE", "署名を検証できません。"),
    ("WRONG_SECRET", "別の秘密に属するものです。"),
    (
        "WRONG_SHARE",
        "この鍵管理者に渡された分割鍵ではありません。",
    ),
    ("EXPIRED", "有効期間の外です。"),
    ("KEY_FILE", "鍵ファイルを読み書きできません。"),
    ("RANDOM_UNAVAILABLE", "乱数が得られません。"),
    ("PRIMITIVE_FAILED", "暗号ライブラリが失敗しました。"),
];

/// The reason behind a code, where the error itself does not say it in the language.
pub(crate) fn reason(code: &str, language: Language) -> Option<&'static str> {
    let known = REASONS.iter().find(|(known, _)| *known == code);
    match language {
        Language::English => None,
        Language::Japanese => known.map(|(_, text)| *text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every code that stands in the sources of errors is in the table, and nothing else is.
    #[test]
    fn every_code_of_a_ceremony_has_words() {
        let ours = include_str!("../error.rs");
        let codes = ours.split("=> \"").skip(1);
        let codes = codes.filter_map(|rest| rest.split('"').next());
        let codes: BTreeSet<_> = codes.filter(|code| is_code(code)).collect();
        assert!(codes.len() > 20, "{codes:?}");
        let known: BTreeSet<_> = REASONS.iter().map(|(code, _)| *code).collect();
        assert_eq!(known.len(), REASONS.len(), "no code twice");
        for code in codes {
            assert!(known.contains(code), "{code}");
            assert!(reason(code, Language::Japanese).is_some_and(|text| !text.is_ascii()));
            assert_eq!(reason(code, Language::English), None);
        }
    }

    fn is_code(text: &str) -> bool {
        text.len() > 2
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    }
}
