//! Japanese words of the command line. Left of each stands where it belongs: a verb, or `verb.argument`;
//! `*` is for all verbs.

/// The program and what follows its help.
pub(super) const ABOUT: &str =
    "施設のデータを読み込み、トークンを封緘して送信し、受領書を保管します。";
/// Below the help.
pub(super) const AFTER: &str = "\
終了コード: 0 完了、1 拒否または不合格、2 引数の誤り、64 設定の誤り、65 入力データの誤り、
            69 サービスの障害、74 ディスク、75 時間をおいて再実行、77 権限";

/// Verbs and arguments.
pub(super) const WORDS: &[(&str, &str)] = &[
    (
        "init",
        "データの形式と列を調べ、設定ファイルのひな形を作成します",
    ),
    (
        "enrol",
        "施設の鍵を作成し、鍵管理者へ送る登録申請書を作成します",
    ),
    (
        "answer-challenge",
        "鍵管理者からの確認用ファイルに回答し、登録申請の鍵がこの施設のものであることを証明します",
    ),
    (
        "forget-key",
        "使用を終えた鍵世代の鍵を消去し、鍵管理者へ送る消去証明書を作成します",
    ),
    (
        "accept-key",
        "鍵管理者から届いた鍵パッケージを検査して登録し、受領書を作成します",
    ),
    (
        "run",
        "データを読み込み、トークンを封緘・送信し、受領書を検証します",
    ),
    (
        "watch",
        "常駐し、元データが変更されたとき、または予定の時刻に実行します",
    ),
    ("table", "連結表（参照番号と患者番号などの対応）を開きます"),
    ("find", "1 件の患者番号などを表示します"),
    (
        "export",
        "連結表の全件を平文で新しいファイルに書き出します（参照番号と患者番号などの CSV）",
    ),
    (
        "status",
        "鍵、鍵パッケージ、送信待ち、受領の状況を表示します",
    ),
    (
        "check",
        "元データを点検し、実行時の見込みを報告します（送信も保存もしません）",
    ),
    (
        "report",
        "これまでの実行で送信した内容と、悪化した点を報告します",
    ),
    (
        "lookup",
        "相談窓口で、本人のデータが含まれているかを照会します",
    ),
    (
        "check-config",
        "設定ファイルと関連ファイルを検査し、有効な設定を表示します",
    ),
    (
        "*.lang",
        "表示言語（ja または en）。省略時はロケールに従います",
    ),
    ("*.config", "設定ファイル"),
    ("*.json", "結果を JSON で標準出力に出力します"),
    ("*.help", "使い方を表示します"),
    ("*.version", "バージョンを表示します"),
    (
        "run.offline",
        "読み込みと封緘だけを行い、送信は後の実行で行います",
    ),
    (
        "run.send",
        "封緘済みのバッチの送信だけを行い、元データは読み込みません",
    ),
    ("find.reference", "参照番号（32 桁の 16 進数）"),
    ("export.file", "書き出し先（まだ存在しないファイル）"),
    ("init.from", "元データのファイル、またはフォルダー"),
    ("init.site", "施設 ID（鍵管理者に登録した名称）"),
    ("init.into", "作成先のフォルダー。省略時は現在のフォルダー"),
    ("init.force", "既にあるファイルを上書きします"),
    (
        "answer-challenge.challenge",
        "鍵管理者から受け取った確認用ファイル",
    ),
    (
        "forget-key.epoch",
        "鍵を消去する鍵世代の番号。保管中の世代は tokenizer status で確認できます",
    ),
    (
        "forget-key.last",
        "事業の終了により、後継の鍵がなくても消去します",
    ),
    ("accept-key.package", "鍵管理者から受け取った鍵パッケージ"),
    (
        "lookup.stdin",
        "画面で尋ねる代わりに、標準入力から 1 件を読み込みます",
    ),
    (
        "lookup.after",
        "識別情報は画面で 1 項目ずつ尋ね、使用後に消去します。分からない項目は空のまま Enter キーを押します。\n\
         引数には書けません（プロセス一覧とシェルの履歴に残るためです）。\n\n\
         --stdin を付けると標準入力から 1 件を受け取ります。JSON または FIELD=VALUE の行で渡します。\n\
         {\"kana-name\": \"...\", \"birth-date\": \"...\"}\n\
         使える項目: kana-name, kanji-name, given-name, surname,\n\
         birth-date, sex, postal-code, address, town, street, block, insurer, insured-symbol,\n\
         insured-number, insured-branch",
    ),
    (
        "check.source",
        "点検するファイルまたはフォルダー（設定と同じ形式のもの）。省略時は設定の元データ",
    ),
    ("*.html", "図の入った報告を、このファイルにも書き出します"),
];

/// Names of values.
pub(super) const VALUES: &[(&str, &str)] = &[
    ("FILE", "ファイル"),
    ("FOLDER", "フォルダー"),
    ("FILE_OR_FOLDER", "ファイルまたはフォルダー"),
    ("OUT.html", "出力先.html"),
    ("PATH", "パス"),
    ("REFERENCE", "参照番号"),
    ("CSV", "出力先.csv"),
    ("PACKAGE", "パッケージ"),
    ("CHALLENGE", "確認用ファイル"),
    ("NUMBER", "番号"),
    ("SITE", "施設ID"),
    ("LANGUAGE", "言語"),
    ("COMMAND", "コマンド"),
];

/// Words that the parser itself puts into lines of usage.
pub(super) const USAGE: &[(&str, &str)] = &[
    ("Usage:", "使い方:"),
    ("[OPTIONS]", "[オプション]"),
    ("<COMMAND>", "<コマンド>"),
];
