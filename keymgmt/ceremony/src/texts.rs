//! Every sentence of the terminal, in both languages side by side.

mod reasons;

use crate::say::Text;
pub(crate) use reasons::reason;

/// A row of the table.
const fn t(en: &'static str, ja: &'static str) -> Text {
    Text { en, ja }
}

pub(crate) const HEAD: Text = t(
    "{mode} - {title}\nProject {project}, epoch {epoch}. Quorum: {threshold} of {custodians}.",
    "{mode} - {title}\nプロジェクト {project}、鍵世代 {epoch}。定足数: {custodians} のうち {threshold} 名。",
);
pub(crate) const NUMBERS: Text = t(
    "Numbers in brackets are the numbers of the booklet.",
    "[ ] の番号は冊子の番号です。",
);
pub(crate) const ASK_HASH: Text = t(
    "{name}: type the first {count} groups of the recipe's hash from your own paper (leave empty if you are absent): ",
    "{name} さん: ご自分の紙にある手順書ハッシュ値の最初の {count} 組を入力してください（欠席なら空欄）: ",
);
pub(crate) const HASH_RIGHT: Text = t(
    "{name} confirmed the recipe.",
    "{name} さんが手順書を確認しました。",
);
pub(crate) const HASH_WRONG: Text = t(
    "That is not the hash of this recipe. Compare letter by letter.",
    "この手順書のハッシュ値と一致しません。一文字ずつ照合してください。",
);
pub(crate) const QUORUM: Text = t(
    "The quorum is complete: {present}.",
    "定足数に達しました: {present}。",
);
pub(crate) const ASK_PIN_OFFICER: Text = t(
    "Security officer's PIN of token {token} (not shown): ",
    "トークン {token} のセキュリティ責任者 PIN（表示されません）: ",
);
pub(crate) const ASK_PIN_USER: Text = t(
    "User's PIN of token {token} (not shown): ",
    "トークン {token} の利用者 PIN（表示されません）: ",
);
pub(crate) const GO: Text = t(
    "\nMARK {mark}\n[{number}] {action}: {step}\n    Enter: go on; or type exception, break or abort: ",
    "\n映像マーク {mark}\n[{number}] {action}: {step}\n    Enter で続行。ほかに exception（例外の記録）、break（休憩）、abort（中止）を入力できます: ",
);
pub(crate) const GO_PUBLISH: Text = t(
    "Lists and inventories are signed.",
    "一覧と鍵台帳に署名する。",
);
pub(crate) const TOKEN: Text = t(
    "    Token {label}: serial number {serial}, {maker} {model}.",
    "    トークン {label}: 製造番号 {serial}、{maker} {model}。",
);
pub(crate) const KEY: Text = t(
    "    {key}: check value {words} / {digits}",
    "    {key}: 検査値 {digits} / {words}",
);
pub(crate) const DIGEST: Text = t(
    "    {what}: first groups {groups}",
    "    {what}: 先頭の組 {groups}",
);
pub(crate) const COMMITMENT: Text = t("Commitment of {name}", "{name} さんのコミットメント");
pub(crate) const ASK_BAG: Text = t(
    "    Serial of the bag of {name}, as it is read aloud (leave empty if it is on paper only): ",
    "    {name} さんの封印袋の番号を、読み上げに合わせて入力してください（紙だけに記すなら空欄）: ",
);
pub(crate) const ASK_BAG_AGAIN: Text = t(
    "    The same serial, read aloud a second time: ",
    "    もう一度読み上げた番号: ",
);
pub(crate) const BAG_WRONG: Text = t(
    "    The two are not the same serial of letters, digits and '-'.",
    "    二つの番号が一致しないか、英数字とハイフン以外が含まれています。",
);
pub(crate) const BLOB: Text = t("SHA-256 of the wrapped LEK", "包んだ LEK の SHA-256");
pub(crate) const PACKAGE: Text = t(
    "SHA-256 of the package of {site}",
    "{site} の鍵パッケージの SHA-256",
);
pub(crate) const FINGERPRINT: Text = t(
    "    Fingerprint of the request of {site}: {fingerprint}\n    Compare it with what the site reads back over a second channel.",
    "    {site} の申請の指紋: {fingerprint}\n    別の経路で施設の担当者が読み上げたものと照合してください。",
);
pub(crate) const GONE: Text = t(
    "    {key}: destroyed; none is found, and its use is refused.",
    "    {key}: 破棄しました。検索は 0 件、使用は拒否されました。",
);
pub(crate) const GO_UNKNOWN: Text = t(
    "Press Enter alone, or type exception, break or abort.",
    "Enter だけを押すか、exception、break、abort のいずれかを入力してください。",
);
pub(crate) const ASK_REMARK: Text = t(
    "What happened, and who decided what? ",
    "何が起き、誰が何を決めましたか: ",
);
pub(crate) const RECORDED: Text = t("It is in the transcript.", "記録に書き込みました。");
pub(crate) const DONE: Text = t("    done: {what}", "    完了: {what}");
pub(crate) const ASK_OBJECT: Text = t(
    "Compare with the booklet and type exactly: {words}\n> ",
    "冊子と照合し、次のとおり正確に入力してください: {words}\n> ",
);
pub(crate) const OBJECT_WRONG: Text = t(
    "That is something else. Nothing was changed.",
    "入力が一致しません。何も変更していません。",
);
pub(crate) const SHARE_ALONE: Text = t(
    "The next screen is for {name} alone. Everybody else turns away, the camera too. Enter: show it. ",
    "次の画面は {name} さんだけのものです。ほかの方とカメラは画面から離れてください。Enter で表示します: ",
);
pub(crate) const SHARE_SHOWN: Text = t(
    "Share of {name}: number {index} of {shares}, set {set}.\nWrite them down with their numbers. They are shown once.",
    "{name} さんの分割鍵: {shares} のうち {index} 番、組 {set}。\n番号とともに書き取ってください。表示は一度だけです。",
);
pub(crate) const SHARE_WRITTEN: Text = t(
    "Enter: written down and compared; the screen is cleared. ",
    "書き取りと照合が済んだら Enter を押してください。画面を消します: ",
);
pub(crate) const SHARE_PRINTED: Text = t(
    "The share of {name} is printed now. {name} alone stands at the printer. Enter: print it. ",
    "これから {name} さんの分割鍵を印刷します。プリンターのそばには {name} さんだけが立ってください。Enter で印刷します: ",
);
pub(crate) const SHARE_TAKEN: Text = t(
    "Enter: {name} has the sheet and nobody else saw it. ",
    "{name} さんが用紙を受け取り、ほかの誰も見ていないことを確認したら Enter を押してください: ",
);
pub(crate) const SHARE_AGAIN: Text = t(
    "{name}, alone: type your share from your sheet, with blanks between (not shown):\n> ",
    "{name} さん（お一人で）: 用紙の分割鍵を、空白で区切って入力してください（表示されません）:\n> ",
);
pub(crate) const SHARE_RIGHT: Text = t(
    "The share of {name} is right.",
    "{name} さんの分割鍵は正しく入力されました。",
);
pub(crate) const SHARE_COUNT: Text = t(
    "{count} were typed, but a share has {expected}.",
    "{count} 個入力されましたが、分割鍵は {expected} 個です。",
);
pub(crate) const SHARE_WORD: Text = t(
    "Word {position} is not on the list. Look at it again, letter by letter; near are: {nearest}.",
    "{position} 番目の単語は単語表にありません。一文字ずつ見直してください。近い単語: {nearest}。",
);
pub(crate) const SHARE_MISTAKEN: Text = t(
    "Word {position} is mistaken for another word of the list. Look at it again.",
    "{position} 番目の単語が、表にある別の単語になっています。見直してください。",
);
pub(crate) const SHARE_GROUP: Text = t(
    "Group {position} is not right: one of its digits is mistyped or misread.",
    "{position} 番目の組が正しくありません。数字の打ち間違いか読み間違いです。",
);
pub(crate) const SHARE_LONG: Text = t(
    "More was typed than a share has.",
    "分割鍵よりも長い入力です。",
);
pub(crate) const SHARE_OTHER: Text = t(
    "This is not the share of {name} in the present set. Is it an older sheet, or are two words or groups swapped?",
    "現在の組における {name} さんの分割鍵と一致しません。古い用紙ではありませんか。順番の入れ替わりもお確かめください。",
);
pub(crate) const FOUND: Text = t(
    "Found: {done} of {all} actions are finished. Next: {next}.",
    "状態: 全 {all} 件の作業のうち {done} 件が完了しています。次は: {next}。",
);
pub(crate) const FOUND_KEY: Text = t(
    "Found: key {key} answers as recorded.",
    "状態: 鍵 {key} は記録どおりに応答しました。",
);
pub(crate) const CLOSED: Text = t(
    "The transcript is closed and signed. Read its hash aloud and sign the booklet: {hash}",
    "記録を閉じて署名しました。ハッシュ値を読み上げ、冊子に署名してください: {hash}",
);
pub(crate) const ABORTED: Text = t(
    "Aborted. What was half made is destroyed: {destroyed}",
    "中止しました。作りかけの鍵を破棄しました: {destroyed}",
);
pub(crate) const NOTHING: Text = t("nothing", "なし");
pub(crate) const STATEMENTS: Text = t(
    "Deletion statements of sites: {got} of {all}. Missing: {missing}.",
    "提供施設の削除証明: {all} 件中 {got} 件。未提出: {missing}。",
);

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Text; 47] = [
        HEAD,
        NUMBERS,
        ASK_HASH,
        HASH_RIGHT,
        HASH_WRONG,
        QUORUM,
        ASK_PIN_OFFICER,
        ASK_PIN_USER,
        GO_PUBLISH,
        TOKEN,
        KEY,
        DIGEST,
        ASK_BAG,
        ASK_BAG_AGAIN,
        BAG_WRONG,
        COMMITMENT,
        BLOB,
        PACKAGE,
        FINGERPRINT,
        GONE,
        GO,
        GO_UNKNOWN,
        ASK_REMARK,
        RECORDED,
        DONE,
        ASK_OBJECT,
        OBJECT_WRONG,
        SHARE_ALONE,
        SHARE_SHOWN,
        SHARE_WRITTEN,
        SHARE_PRINTED,
        SHARE_TAKEN,
        SHARE_AGAIN,
        SHARE_RIGHT,
        SHARE_COUNT,
        SHARE_WORD,
        SHARE_MISTAKEN,
        SHARE_GROUP,
        SHARE_LONG,
        SHARE_OTHER,
        FOUND,
        FOUND_KEY,
        CLOSED,
        ABORTED,
        NOTHING,
        STATEMENTS,
        RECORDED,
    ];

    fn places(text: &str) -> std::collections::BTreeSet<&str> {
        let starts = text.split('{').skip(1);
        starts.filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn both_languages_have_the_same_places() {
        for text in ALL {
            assert_eq!(places(text.en), places(text.ja), "{}", text.en);
            assert!(!text.ja.is_ascii(), "{} is translated", text.en);
        }
    }
}
