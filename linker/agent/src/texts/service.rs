//! Sentences of the spool, the linkage table, the proxy, the bandwidth and `watch`.

use super::t;
use crate::say::Text;

/// The rows.
pub(super) const TEXTS: &[Text] = &[
    t(
        "{waiting} in the outbox, to be sent first next time",
        "送信待ちのバッチが {waiting} あります。次回の実行で最初に送信します",
    ),
    t(
        "{error}; batches are sealed now and sent when it answers",
        "{error}。バッチの封緘を先に進め、応答があり次第送信します",
    ),
    t("sending", "送信中"),
    t("sealing", "封緘中"),
    t(
        "lookup.csv is now the sealed linkage table: {entries}",
        "lookup.csv を、封緘した連結表に移行しました（{entries}）",
    ),
    t(
        "a record reference has 32 hexadecimal digits",
        "参照番号は 32 桁の 16 進数で指定してください",
    ),
    t(
        "{entries} written in clear; keep the file as you keep patient records, and delete it after use",
        "{entries}を平文で書き出しました。ファイルは患者記録と同じ扱いで保管し、使用後は削除してください",
    ),
    t(
        "a record's own number is too long for the linkage table",
        "患者番号が長すぎるため、連結表に記録できません",
    ),
    t("random bytes", "乱数"),
    t(
        "{waiting} batches of {size} MiB wait",
        "{waiting} 個のバッチ（{size} MiB）が送信待ちです",
    ),
    t("watching", "監視を開始しました"),
    t(
        "waiting for the source to change",
        "元データの変更を待っています",
    ),
    t("asked to end", "終了の指示を受けました"),
    t("a run begins: {why}", "実行を開始します: {why}"),
    t("running: {why}", "実行中: {why}"),
    t("the source has changed", "元データが変更されました"),
    t("it is time", "予定の時刻になりました"),
    t("once more", "再試行"),
    t(
        "the newest key epoch may be taken by now",
        "新しい鍵世代の受け入れが始まったかどうかを確認します",
    ),
    t("sealed batches wait", "送信待ちのバッチがあります"),
    t("the source is not there", "元データが見つかりません"),
    t(
        "last run: {admitted} admitted; {waiting}",
        "前回の実行: 受理 {admitted}、送信待ち {waiting}",
    ),
    t(
        "last run: {code}; {waiting}",
        "前回の実行: {code}、送信待ち {waiting}",
    ),
    t(
        "it is {least} to {most}",
        "{least} から {most} までで指定してください",
    ),
    t(
        "there are at most {limit}",
        "{limit} 個以内で指定してください",
    ),
    t(
        "kib_per_second is {least} to {most}",
        "kib_per_second は {least} から {most} までで指定してください",
    ),
    t(
        "there is no appliance.proxy",
        "appliance.proxy が指定されていません",
    ),
    t(
        "it is http://HOST:PORT; a name and a password stand in appliance.proxy_secret",
        "http://ホスト名:ポート番号 の形で指定してください。ユーザー名とパスワードは appliance.proxy_secret のファイルに記入します",
    ),
    t(
        "from and to differ; a whole day is 00:00 to 24:00",
        "from と to には異なる時刻を指定してください。終日の場合は 00:00 から 24:00 とします",
    ),
    t("not limited", "制限なし"),
    t(
        "{from} to {to} {rate} KiB/s",
        "{from} から {to} まで {rate} KiB/s",
    ),
    t(
        "without it, watch needs daily_at or every_minutes",
        "false の場合は daily_at または every_minutes の指定が必要です",
    ),
    t(
        "a time of day is HH:MM",
        "時刻は HH:MM の形で指定してください",
    ),
    t(
        "it is +HH:MM or -HH:MM",
        "+HH:MM または -HH:MM の形で指定してください",
    ),
    t(
        "the file holds one line, USER:PASSWORD",
        "ファイルには「ユーザー名:パスワード」を 1 行で記入してください",
    ),
    t(
        "it wants another user name and password (appliance.proxy_secret)",
        "ユーザー名またはパスワードが正しくありません（appliance.proxy_secret）",
    ),
    t(
        "the proxy does not reach appliance.address",
        "プロキシーから appliance.address に接続できません",
    ),
    t(
        "it does not allow a tunnel to appliance.address",
        "appliance.address への接続が許可されていません",
    ),
    t(
        "what answers at appliance.proxy is no HTTP proxy",
        "appliance.proxy の応答元が HTTP プロキシーではありません",
    ),
];
