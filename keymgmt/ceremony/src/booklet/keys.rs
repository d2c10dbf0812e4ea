//! Steps that make, back up and restore keys.

use super::{Names, marked, step};
use crate::print::{Section, Step};

/// What is generated, and where.
const KEYS: [(&str, &str, &str); 7] = [
    (
        "CSK",
        "保管トークン、P-256、署名用",
        "custody token, P-256 signing",
    ),
    (
        "LEK",
        "保管トークン、符号化の秘密。登録済みの施設へ包んだ形でのみ渡される",
        "custody token, encoding secret, leaves only wrapped to enrolled sites",
    ),
    (
        "TMK",
        "連結サーバーのトークン、第二層",
        "appliance token, second layer",
    ),
    (
        "DKEK",
        "連結サーバーのトークン、データの封印",
        "appliance token, data sealing",
    ),
    (
        "PSK",
        "連結サーバーのトークン、仮名",
        "appliance token, pseudonyms",
    ),
    (
        "AIK",
        "連結サーバーのトークン、RSA-3072、バッチの開封",
        "appliance token, RSA-3072, opens batches",
    ),
    (
        "ASK",
        "連結サーバーのトークン、P-256、監査記録の署名",
        "appliance token, P-256, signs the audit log",
    ),
];

pub(super) fn token_init(names: &Names) -> Section {
    let [custody, appliance] = &names.serials;
    let tokens = [
        ("保管", "custody", custody),
        ("連結サーバーの", "appliance", appliance),
    ];
    marked(
        "トークンの初期化 (token-init)",
        "Initialise the tokens (token-init)",
        tokens.map(|(japanese, english, serial)| {
            let step = step(
                format!("{japanese}トークンを初期化する。画面の製造番号を本体の刻印と照合する。"),
                format!(
                    "The {english} token is initialised. The serial on the screen is compared with the one \
                     on its case."
                ),
            );
            let step = match serial {
                Some(serial) => step.compare("製造番号", "serial number", serial),
                None => step.write("製造番号", "serial number"),
            };
            step.write("ファームウェアの版", "firmware version")
        }),
    )
}

pub(super) fn generate() -> Section {
    marked(
        "鍵の生成 (generate)",
        "Generate the keys (generate)",
        KEYS.map(|(key, japanese, english)| {
            proof(step(
                format!("{key} を生成する（{japanese}）。"),
                format!("{key} is generated ({english})."),
            ))
        }),
    )
}

/// The check value of a key in its short forms, as the screen shows it.
pub(super) fn proof(step: Step) -> Step {
    step.write("検査値の単語", "words of the check value")
        .write("検査値の数字", "digits of the check value")
}

pub(super) fn backup(names: &Names) -> Section {
    let (threshold, count) = (names.threshold, names.custodians.len());
    let first = [
        step(
            format!("バックアップ鍵 BK を作り、{count} 個の分割鍵に分ける。{threshold} 個で復元できる。"),
            format!("The backup key BK is made and split into {count} shares, any {threshold} of which restore it."),
        ),
        proof(step(
            "LEK を BK で包み、トークン内の BK を破棄する。以後 BK は分割鍵としてのみ存在する。",
            "LEK is wrapped under BK, and the token's copy of BK is destroyed: from now on BK exists only as shares.",
        ))
        .write("包んだ LEK の SHA-256（先頭 4 組）", "SHA-256 of the wrapped LEK, first four groups"),
    ];
    let shares = names.custodians.iter().map(|custodian| share(custodian));
    let last = step(
        "すべての分割鍵のコミットメントが記録にある。",
        "The commitments of all shares are in the transcript.",
    );
    marked(
        "バックアップ (backup)",
        "Backup (backup)",
        first.into_iter().chain(shares).chain([last]),
    )
}

/// A custodian takes the own share.
pub(super) fn share(custodian: &str) -> Step {
    step(
        format!(
            "{custodian} が自分の分割鍵の紙を受け取る。ほかの人は見ない。本人が端末に入力し直し、コミットメントが一致する。\
             紙を封印袋に入れ、袋の番号を二度読み上げる。"
        ),
        format!(
            "{custodian} takes the own share's sheet; nobody else looks at it. The custodian types it again, \
             and the commitment is the same. The sheet goes into its bag, whose serial is read twice."
        ),
    )
    .write("コミットメント（先頭 4 組）", "commitment, first four groups")
    .write("封印袋の番号", "serial of the bag")
}

pub(super) fn restore(names: &Names) -> Section {
    let threshold = names.threshold;
    marked(
        "復元の訓練 (restore)",
        "Restore (restore)",
        [
            step(
                "復元には別のトークンを使う。元のトークンは使わない。",
                "Another token than the original one takes the restored key.",
            )
            .write("製造番号", "serial number"),
            step(
                format!("{threshold} 名の鍵管理者が袋の番号を読み上げ、封印が無傷であることを示し、袋を開けて自分の分割鍵を入力する。"),
                format!(
                    "{threshold} custodians read the serials of their bags, show that the seals are whole, open \
                     them, and type their own shares."
                ),
            )
            .write("開けた袋の番号", "serials of the opened bags"),
            proof(step(
                "復元した LEK の検査値が、生成時に記した値と一致する。",
                "The restored LEK has the check value that was written down when it was generated.",
            )),
            step(
                "分割鍵を新しい袋に入れる。袋の番号を二度読み上げる。",
                "The shares go into new bags; each serial is read twice.",
            )
            .write("新しい袋の番号", "serials of the new bags"),
        ],
    )
}
