//! Steps of a key's later life.

use super::{Names, keys, marked, step};
use crate::print::Section;

pub(super) fn rotate(names: &Names) -> Section {
    let keys = names.rotated.iter().map(|key| {
        let key = key.to_uppercase();
        keys::proof(step(
            format!("{key} の新しい鍵を生成する。古い鍵は、封印したものを移せるように引退した鍵として残り、鍵世代とともに破棄される。"),
            format!("A new {key} is generated. The old one stays as a retired key, so that what it sealed can be moved, and is destroyed with the epoch."),
        ))
        .write("古い鍵の検査値の単語", "words of the old check value")
    });
    marked("鍵の更新 (rotate)", "Rotate keys (rotate)", keys)
}

pub(super) fn reshare(names: &Names) -> Section {
    let first = [
        keys::proof(step(
            "新しいバックアップ鍵を作り、LEK を包み直し、古い包みをすべての保管場所で破棄する。",
            "A new backup key is made, LEK is wrapped again, and every old blob is destroyed at every place.",
        ))
        .write("破棄した古い包みの数", "old blobs destroyed"),
    ];
    let shares = names
        .custodians
        .iter()
        .map(|custodian| keys::share(custodian));
    let last = step(
        "古い分割鍵の紙をすべて集め、立会いのもとで細断する。",
        "All sheets with old shares are collected and shredded before witnesses.",
    )
    .write("集めた枚数", "sheets collected");
    marked(
        "分割鍵の作り直し (reshare)",
        "New shares (reshare)",
        first.into_iter().chain(shares).chain([last]),
    )
}

pub(super) fn handover() -> Section {
    marked(
        "鍵管理者の交代 (handover)",
        "Handover (handover)",
        [
            step(
                "退く鍵管理者が封印袋の番号を読み上げ、袋を引き渡す。",
                "The leaving custodian reads the bag's serial and hands the bag over.",
            )
            .write("退く人", "leaving")
            .write("袋の番号", "serial of the bag"),
            step(
                "新しい鍵管理者の本人確認をする。この組の分割鍵を持ったことがない。",
                "The new custodian's identity is checked; the person never held a share of this set.",
            )
            .write("新しい人", "new")
            .write("確認した書類の種類", "kind of document seen"),
        ],
    )
}

pub(super) fn destroy(names: &Names) -> Section {
    let first = [
        step(
            "破棄する対象を読み上げ、画面に出る対象名と検査値の単語（または数字）を入力する。",
            "What is destroyed is read aloud; its name and the words or digits of its check value are typed.",
        )
        .write("入力した単語または数字", "words or digits typed"),
        step(
            "トークン内の鍵を破棄する。検索は 0 件、使用は拒否、封印は開かない。三つとも画面で確かめる。",
            "The keys in the tokens are destroyed. Searching finds none, use is refused, the envelope no \
             longer opens: all three are seen on the screen.",
        ),
        step(
            "バックアップの包みを、一覧にあるすべての保管場所で破棄する。",
            "The backup blobs are destroyed at every listed place.",
        )
        .write("破棄した場所の数", "places"),
    ];
    let sites = names.sites.iter().map(|site| {
        step(
            format!("{site}: 署名された削除証明を検証した。"),
            format!("{site}: the signed deletion statement was verified."),
        )
        .write("証明の日付", "date of the statement")
    });
    marked(
        "鍵の破棄 (destroy)",
        "Destroy keys (destroy)",
        first.into_iter().chain(sites),
    )
}
