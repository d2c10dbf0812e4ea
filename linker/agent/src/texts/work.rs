//! Sentences of the verbs that work: keys, runs, uploads, receipts, the state folder.

use super::t;
use crate::say::Text;

/// The rows.
pub(super) const TEXTS: &[Text] = &[
    // Frames of errors.
    t("error [{code}]: {what}", "エラー [{code}]: {what}"),
    t("  try: {advice}", "  対処: {advice}"),
    t("  because: {cause}", "  原因: {cause}"),
    t("{what}: {detail}", "{what}: {detail}"),
    t("usage error: {what}", "エラー [USAGE]: {what}"),
    t(
        "unknown argument {argument}",
        "{argument} という引数はありません",
    ),
    t(
        "unknown command {command}",
        "{command} というコマンドはありません",
    ),
    t(
        "missing argument {argument}",
        "引数が不足しています: {argument}",
    ),
    t(
        "value {value} cannot be used for {argument}",
        "{argument} に {value} は指定できません",
    ),
    t(
        "argument {argument} stands twice or beside one that excludes it",
        "{argument} が重複しているか、同時に指定できない引数があります",
    ),
    t(
        "argument {argument} has the wrong number of values",
        "{argument} の値の数が正しくありません",
    ),
    t(
        "the command line cannot be understood",
        "引数を解釈できません",
    ),
    t(
        "panicked at {place}",
        "プログラムの内部で異常が発生しました。位置: {place}",
    ),
    t("panicked", "プログラムの内部で異常が発生しました"),
    t(
        "the locale's character set is not one that this program writes, so it speaks English; --lang ja writes UTF-8",
        "ロケールの文字コードに対応していないため、英語で表示します。--lang ja を付けると UTF-8 の日本語で表示します",
    ),
    // The operating system.
    t(
        "No such file or directory (os error {number})",
        "ファイルまたはフォルダーが見つかりません（os error {number}）",
    ),
    t(
        "Operation not permitted (os error {number})",
        "操作が許可されていません（os error {number}）",
    ),
    t(
        "Input/output error (os error {number})",
        "入出力エラーが発生しました（os error {number}）",
    ),
    t(
        "Permission denied (os error {number})",
        "アクセスが許可されていません（os error {number}）",
    ),
    t(
        "No space left on device (os error {number})",
        "ディスクの空き容量がありません（os error {number}）",
    ),
    t(
        "Read-only file system (os error {number})",
        "書き込みできないディスクです（os error {number}）",
    ),
    t(
        "Is a directory (os error {number})",
        "ファイルではなくフォルダーです（os error {number}）",
    ),
    t(
        "Not a directory (os error {number})",
        "フォルダーではありません（os error {number}）",
    ),
    t(
        "Connection refused (os error {number})",
        "接続を拒否されました（os error {number}）",
    ),
    t(
        "Connection reset by peer (os error {number})",
        "相手側から接続が切断されました（os error {number}）",
    ),
    t(
        "Connection timed out (os error {number})",
        "接続がタイムアウトしました（os error {number}）",
    ),
    t(
        "Network is unreachable (os error {number})",
        "ネットワークに接続できません（os error {number}）",
    ),
    t(
        "No route to host (os error {number})",
        "相手先への経路がありません（os error {number}）",
    ),
    // Keys.
    t("site {site}", "施設\t{site}"),
    t("request {path}", "登録申請書\t{path}"),
    t(
        "fingerprint {fingerprint}",
        "フィンガープリント\t{fingerprint}",
    ),
    t(
        "Send the request to the custodians and read the fingerprint to them over the telephone.",
        "登録申請書を鍵管理者へ送付し、フィンガープリントを電話で読み上げて確認してください。",
    ),
    t(
        "warning: this key package uses SHA-1 in OAEP: tests and demonstrations only",
        "警告: この鍵パッケージは OAEP に SHA-1 を使用しています。試験・実演以外では使用しないでください",
    ),
    t("project {project}", "プロジェクト\t{project}"),
    t("epoch {epoch}", "鍵世代\t{epoch}"),
    t("schema {name} {digest}", "方式\t{name} {digest}"),
    t("check {check}", "照合値\t{check}"),
    t("receipt {path}", "受領書\t{path}"),
    t(
        "Send the receipt to the custodians; the epoch starts when they have verified it.",
        "受領書を鍵管理者へ返送してください。鍵管理者が確認した時点で、この鍵世代が有効になります。",
    ),
    t(
        "keys.custody_key: it is a P-256 public key, DER",
        "keys.custody_key: P-256 公開鍵（DER 形式）を指定してください",
    ),
    t(
        "module, label and pin_file stand together, or none of them",
        "module、label、pin_file は、3 つとも指定するか、すべて省略してください",
    ),
    t(
        "the site's keys are in a token; name it in keys.module, keys.label and keys.pin_file",
        "施設の鍵はトークンにあります。keys.module、keys.label、keys.pin_file を指定してください",
    ),
    t(
        "the site's keys are files; take keys.module, keys.label and keys.pin_file out, or enrol anew",
        "施設の鍵はファイルにあります。keys.module、keys.label、keys.pin_file の指定を外すか、改めて登録を申請してください",
    ),
    t("deletion statement", "消去証明書"),
    t("answer {path}", "回答\t{path}"),
    t(
        "Send the answer to the custodians; they send the key package when it is right.",
        "回答を鍵管理者へ送付してください。内容が確認されると、鍵パッケージが届きます。",
    ),
    t("statement {path}", "消去証明書\t{path}"),
    t(
        "Send the statement to the custodians, and destroy every copy of the package file that you received, backups and memory sticks too.",
        "消去証明書を鍵管理者へ送付してください。受け取った鍵パッケージのファイルは、バックアップや USB メモリー上の複製も含めて、すべて消去してください。",
    ),
    t(
        "the key of this epoch was destroyed here",
        "この鍵世代の鍵は、この施設で消去済みです",
    ),
    t(
        "it is for another project than the package that is kept; each project has a state folder of its own",
        "登録済みの鍵パッケージとは別の事業のものです。状態フォルダーは事業ごとに分けてください",
    ),
    t(
        "a newer package of this epoch is kept already",
        "この鍵世代の、より新しい鍵パッケージが既に登録されています",
    ),
    t(
        "it was destroyed before; the statement is in epochs",
        "既に消去済みです。消去証明書は epochs フォルダーにあります",
    ),
    t(
        "there is none of key epoch {epoch}",
        "鍵世代 {epoch} の鍵パッケージがありません",
    ),
    t(
        "sealed batches of key epoch {epoch} wait to be sent",
        "鍵世代 {epoch} の送信待ちのバッチがあります",
    ),
    t(
        "nothing was sent under a newer key epoch yet",
        "新しい鍵世代での送信が、まだ行われていません",
    ),
    t(
        "the appliance does not take key epoch {newer} yet; this run goes on under key epoch {epoch}",
        "連結サーバーが鍵世代 {newer} の受け入れをまだ始めていないため、今回は鍵世代 {epoch} で実行します",
    ),
    t(
        "key epoch {epoch} follows key epoch {before}: every record is encoded and sent anew, so this run takes as long as the very first one",
        "鍵世代が {before} から {epoch} に変わりました。全件を新しい鍵でトークン化して送信し直すため、初回と同じくらい時間がかかります",
    ),
    t(
        "key epoch {epoch} is kept too",
        "鍵パッケージ\t鍵世代 {epoch}（前の世代。移行が終わったら tokenizer forget-key --epoch {epoch} で消去します）",
    ),
    t(
        "key epoch {epoch} was destroyed",
        "消去済みの鍵\t鍵世代 {epoch}",
    ),
    t(
        "request.note is not for this site's name and keys",
        "request.note が、この施設の名称または鍵と一致しません",
    ),
    t("not UTF-8", "UTF-8 ではありません"),
    // Runs.
    t("checking", "確認中"),
    t("counting", "集計中"),
    t(
        "the counts of this run were not kept: {error}",
        "今回の実行の件数を記録できませんでした: {error}",
    ),
    t("a record of a run", "実行の記録"),
    t("a name", "名称"),
    t(
        "checked {files}: {rows}, {records}, {refused} left out",
        "確認が終わりました: {files}、{rows}、使用できるレコード {records}、除外 {refused}",
    ),
    t("left out {code} {count}", "除外: {code} {count}"),
    t("noticed {code} {count}", "注意: {code} {count}"),
    t(
        "a sealed batch of {whose} was thrown away; its rows are read again",
        "{whose}で封緘された未送信のバッチを破棄しました。該当する行は読み直されます",
    ),
    t("other keys", "別の鍵"),
    t("another key epoch", "別の鍵世代"),
    t(
        "left-over batch set aside in the folder refused: {error}",
        "未送信のバッチを refused フォルダーへ移しました: {error}",
    ),
    t("batch {number}", "バッチ {number}"),
    t("left-over batch", "前回の未送信バッチ"),
    t(
        "{name}: {how}, {admitted} admitted, {quarantined} quarantined, audit entry {index}",
        "{name}: {how}（受理 {admitted}、隔離 {quarantined}、監査記録番号 {index}）",
    ),
    t("sent", "送信しました"),
    t("already there", "送信済みでした"),
    t(
        "done in {seconds} s: {records}, {tokens} in {batches} ({sent} sent, {known} already there, {waiting} waiting), {admitted} admitted, {quarantined} quarantined, {receipts} verified",
        "完了しました（{seconds} 秒）: レコード {records}、トークン {tokens}、バッチ {batches}（送信 {sent}、送信済み {known}、送信待ち {waiting}）、受理 {admitted}、隔離 {quarantined}、検証済みの受領書 {receipts}",
    ),
    t("the upload stopped", "送信が中断されました"),
    t("a thread ended early", "内部の処理が途中で終了しました"),
    t(
        "more than {limit} batches",
        "バッチの数が {limit} 個を超えています",
    ),
    t(
        "more than {limit} different tokens",
        "異なるトークンの数が {limit} 件を超えています",
    ),
    // Status.
    t("request none", "登録申請\t未作成"),
    t("request {fingerprint}", "登録申請\t{fingerprint}"),
    t(
        "package project {project}, epoch {epoch}, check {check}",
        "鍵パッケージ\tプロジェクト {project}、鍵世代 {epoch}、照合値 {check}",
    ),
    t("package {state}", "鍵パッケージ\t{state}"),
    t("none", "なし"),
    t("waiting {batches}", "送信待ち\t{batches}"),
    t(
        "received {receipts}: {admitted} admitted, {quarantined} quarantined",
        "受領書\t{receipts}（受理 {admitted}、隔離 {quarantined}）",
    ),
    t(
        "checkpoint {origin} at {size} entries",
        "監査ログ\t{origin}（{size} 件目まで確認済み）",
    ),
    t("checkpoint none", "監査ログ\t未確認"),
    t("pinned at the first receipt", "最初の受領書で確定"),
    // The source.
    t("{refused} of {rows} rows", "{rows} 行中 {refused} 行"),
    t(
        "{field}, in {count} of {records} records",
        "{field}、{records} 件中 {count} 件",
    ),
    t(
        "look at that field with `tokenizer check`",
        "その項目を `tokenizer check` で確認してください",
    ),
    t(
        "more than {limit} folders inside each other",
        "フォルダーの階層が {limit} 段を超えています",
    ),
    t(
        "a folder with more than {limit} entries",
        "1 つのフォルダーに {limit} 個を超えるファイルがあります",
    ),
    t(
        "a file name that is not UTF-8",
        "ファイル名が UTF-8 ではありません",
    ),
    t("a folder", "フォルダー"),
    t("an SS-MIX2 message", "SS-MIX2 のメッセージ"),
    t("a DICOM object", "DICOM ファイル"),
    t("the files of the source", "元データのファイル全体"),
    t(
        "{file}, row {row}: the last row is cut off",
        "{file}、{row} 行目: 最後の行が途中で切れています",
    ),
    t(
        "{file}: it has no end record",
        "{file}: 終了レコードがありません",
    ),
    t("{file}: {rule}", "{file}: {rule}"),
    t("enrol request", "登録申請書の作成"),
    t("key generation", "鍵の生成"),
    t("package receipt", "鍵パッケージの受領書"),
    t("a batch", "バッチ"),
    t("a file of the state", "状態フォルダーのファイル"),
    t("TLS 1.3", "TLS 1.3"),
    // The configuration.
    t(
        "{file}, line {line}: {reason}",
        "{file}、{line} 行目: {reason}",
    ),
    t("unknown field {name}", "{name} という項目はありません"),
    t("missing field {name}", "{name} という項目がありません"),
    t("unknown variant {name}", "{name} という値は使えません"),
    t(
        "{reason}, expected {expected}",
        "{reason}（使えるもの: {expected}）",
    ),
    t("one of {names}", "次のいずれか {names}"),
    t("{one} or {other}", "{one} または {other}"),
    t("{key}: {rule}", "{key}: {rule}"),
    t(
        "it is 1 to {limit}",
        "1 から {limit} までで指定してください",
    ),
    t("it is at most {limit}", "{limit} 以下で指定してください"),
    t(
        "it has more than {limit} bytes",
        "{limit} バイトを超えています",
    ),
    t("csv needs one", "csv 形式では指定が必要です"),
    t("only csv has one", "csv 形式でのみ指定できます"),
    t(
        "all formats but csv say their encoding themselves; leave it at \"auto\"",
        "csv 以外の形式では文字コードが決まっています。\"auto\" のままにしてください",
    ),
    t("it is not an address", "アドレスとして正しくありません"),
    t(
        "it is https://HOST:PORT",
        "https://ホスト名:ポート番号 の形で指定してください",
    ),
    t("it is a host name", "ホスト名を指定してください"),
    t(
        "a site name must be 1 to 32 characters from a-z, 0-9 and '-', starting with a letter",
        "施設 ID は英小文字で始まる 32 文字以内の英小文字・数字・「-」で指定してください",
    ),
    // The way to the appliance.
    t(
        "{error}; trying again for {seconds} s more",
        "{error}。あと {seconds} 秒間、再試行します",
    ),
    t("{error}; sending it again", "{error}。送信し直します"),
    t(
        "it asks for a chunk past the last one",
        "存在しない部分の送信を要求されました",
    ),
    t(
        "it says {theirs}, the package {ours}",
        "連結サーバー: {theirs}、鍵パッケージ: {ours}",
    ),
    t(
        "its TLS version or key exchange",
        "TLS のバージョンまたは鍵交換方式が合いません",
    ),
    t(
        "what answers does not speak TLS",
        "応答した相手が TLS に対応していません",
    ),
    t(
        "the appliance ended the handshake",
        "連結サーバーが接続手順を中止しました",
    ),
    t("it has expired", "有効期限が切れています"),
    t("it is not valid yet", "有効期間に入っていません"),
    t("it is for another name", "別の名称に対するものです"),
    t("it is from another issuer", "別の発行局のものです"),
    t("it is not usable", "使用できません"),
    t("it is revoked", "失効しています"),
    t("none was sent", "送信されていません"),
    t("valid until {when}", "有効期限: {when}"),
    t("valid from {when}", "有効期間の開始: {when}"),
    t("site.name is {site}", "site.name は {site} です"),
    t(
        "the appliance closes the connection (is this site's certificate its own and still valid?)",
        "連結サーバーが接続を閉じました（この施設の証明書が正しく、有効期限内であるか確認してください）",
    ),
    t(
        "check appliance.certificate and appliance.address, then run again; what is sealed is kept",
        "appliance.certificate と appliance.address を確認し、もう一度実行してください。封緘済みのデータは保管されています",
    ),
    // Receipts.
    t("receipt of batch {batch}", "バッチ {batch} の受領書"),
    t(
        "receipt of batch {batch}: {rule}",
        "バッチ {batch} の受領書: {rule}",
    ),
    t(
        "receipt of batch {batch}: {now} entries, and {before} were seen",
        "バッチ {batch} の受領書: 現在 {now} 件、以前は {before} 件",
    ),
    t(
        "the checkpoint is of another log",
        "チェックポイントが別の監査ログのものです",
    ),
    t(
        "appliance.origin is not the log whose checkpoint is kept",
        "appliance.origin が、保管しているチェックポイントの監査ログと異なります",
    ),
    t("it names another batch", "別のバッチを指しています"),
    t(
        "its rows do not add up to those sent",
        "行数の合計が送信した行数と一致しません",
    ),
    t(
        "its audit entry is about something else",
        "監査記録が別の操作のものです",
    ),
    t(
        "its audit entry has other counts",
        "監査記録の件数が一致しません",
    ),
    t(
        "its audit entry has another number",
        "監査記録の番号が一致しません",
    ),
    t("its audit entry does not parse", "監査記録を読み取れません"),
];
