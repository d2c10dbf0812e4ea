//! Steps for each site.

use super::{Names, marked, step};
use crate::print::Section;

pub(super) fn enrol(names: &Names) -> Section {
    let sites = names.sites.iter().map(|site| {
        let step = step(
            format!(
                "{site}: 申請の指紋を、申請に使ったのとは別の経路（電話など）で施設の担当者が読み上げ、\
                 画面と照合する。"
            ),
            format!(
                "{site}: a known person of the site reads the request's fingerprint back over a second \
                 channel; it is compared with the screen."
            ),
        );
        let step = match names.fingerprints.get(site) {
            Some(fingerprint) => step.compare("指紋", "fingerprint", fingerprint),
            None => step.write("指紋（先頭 4 組）", "fingerprint, first four groups"),
        };
        step.write("読み上げた人", "read back by")
            .write("経路と時刻", "channel and time")
    });
    marked(
        "施設の登録 (enrol-site)",
        "Enrol the sites (enrol-site)",
        sites,
    )
}

pub(super) fn issue(names: &Names) -> Section {
    let sites = names.sites.iter().map(|site| {
        step(
            format!("{site}: 鍵パッケージを書き出す。"),
            format!("{site}: the package is written."),
        )
        .write(
            "パッケージの SHA-256（先頭 4 組）",
            "SHA-256 of the package, first four groups",
        )
        .write("媒体の番号", "serial of the medium")
    });
    marked(
        "鍵パッケージの発行 (issue)",
        "Issue the packages (issue)",
        sites,
    )
}

pub(super) fn revoke(names: &Names) -> Section {
    let sites = names.revoked.iter().map(|site| {
        step(
            format!("{site}: 登録を取り消す。理由を読み上げる。以後、この施設のバッチは受け付けられない。"),
            format!("{site}: the enrolment is revoked, and the reason is read aloud. No batch of this site is accepted afterwards."),
        )
        .write("理由", "reason")
        .write("入力した確認の単語", "words typed as confirmation")
    });
    marked(
        "施設の登録取消し (revoke-site)",
        "Revoke sites (revoke-site)",
        sites,
    )
}
