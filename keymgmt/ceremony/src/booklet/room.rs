//! Before the first step and after the last one.

use super::{Names, marked, step};
use crate::print::Section;

pub(super) fn before(names: &Names) -> Section {
    let threshold = names.threshold;
    marked(
        "開始前",
        "Before the first step",
        [
            step(
                "部屋を閉め、撮影を始める。部屋にいる全員が出席者の表に載っている。携帯電話とその他のカメラは部屋の外に置く。",
                "The room is closed and the film runs. Everybody in the room is on the list of persons. \
                 Telephones and other cameras are outside.",
            ),
            step(
                "時計を標準時と合わせ、時差と表示時刻を読み上げる。",
                "The clock is set; its time and time zone are read aloud.",
            )
            .write("時計の表示", "time that it shows")
            .write("基準とした時計との差", "difference to the reference"),
            step(
                "端末はどのネットワークにもつながっていない。起動イメージのハッシュ値を印刷された値と照合した。",
                "The machine is on no network. The hash of its image was compared with the printed one.",
            )
            .write("イメージのハッシュ値（先頭 4 組）", "first four groups of the image's hash"),
            step(
                "プリンターは端末に直接つながり、保存領域がない。試し刷りを照合し、その場で細断した。",
                "The printer hangs on the machine directly and has no disk. A test print was compared and shredded.",
            ),
            step(
                "封印袋の束と媒体を出し、番号を読み上げて記す。",
                "The sealed bags and media are laid out; their serials are read aloud and written down.",
            )
            .write("封印袋の番号（最初と最後）", "serials of the bags, first and last")
            .write("媒体の番号", "serials of the media"),
            step(
                "鍵管理者は一人ずつ、自分の控えにある手順書のハッシュ値を読み上げ、この冊子および画面と照合する。",
                "Each custodian reads the recipe's hash from the own copy; everybody compares it with this \
                 booklet and the screen.",
            )
            .compare("手順書のハッシュ値", "hash of the recipe", &names.hash),
            step(
                format!("{threshold} 名以上の鍵管理者がハッシュ値を確認し、端末に入力した。"),
                format!("At least {threshold} custodians confirmed that hash and typed it."),
            )
            .write("確認した人数", "how many did"),
            step(
                "事前点検（selftest）を実行し、結果を読み上げる。",
                "The self-test runs; its result is read aloud.",
            ),
        ],
    )
}

pub(super) fn after() -> Section {
    marked(
        "終了時",
        "After the last step",
        [
            step(
                "記録を閉じて署名する。検証の結果を全員に示す。",
                "The transcript is closed and signed; its verification is shown to everybody.",
            )
            .write("記録の行数", "lines of the transcript"),
            step(
                "記録を二つの媒体に写し、それぞれのハッシュ値を照合する。",
                "The transcript is copied to two media, and the hash of each copy is compared.",
            )
            .write("媒体と封印袋の番号", "serials of media and bags"),
            step(
                "トークンと PIN を別々の封印袋に入れる。袋の番号を二度読み上げる。",
                "Tokens and PINs go into separate sealed bags; each serial is read twice.",
            )
            .write("保管トークンの袋", "bag of the custody token")
            .write("連結サーバーのトークンの袋", "bag of the appliance token")
            .write("PIN の袋", "bags of the PINs"),
            step(
                "受領書: 受領書が保管トークンで検証されるまで、施設は登録済みとならない。",
                "Receipts: no site is enrolled before its receipt was verified in the custody token.",
            ),
            step(
                "端末の電源を切り、残った紙を細断する。撮影を終える。",
                "The machine is switched off, paper left over is shredded, and the film ends.",
            )
            .write("最後の映像マーク", "last video mark"),
        ],
    )
}
