//! What is said on a share's sheet.

pub(super) struct Said {
    pub(super) secret: &'static str,
    pub(super) heading: &'static str,
    pub(super) recipe: &'static str,
    pub(super) project: &'static str,
    pub(super) epoch: &'static str,
    pub(super) set: &'static str,
    pub(super) index: &'static str,
    pub(super) threshold: &'static str,
    pub(super) custodian: &'static str,
    pub(super) commitment: &'static str,
    pub(super) words: &'static str,
    pub(super) digits: &'static str,
    pub(super) rules: [&'static str; 5],
    pub(super) bag: &'static str,
    pub(super) initials: &'static str,
}

pub(super) const ENGLISH: Said = Said {
    secret: "SECRET",
    heading: "Backup share of",
    recipe: "SHA-256 of the recipe",
    project: "Project",
    epoch: "Key epoch",
    set: "Set",
    index: "Share",
    threshold: "Shares needed",
    custodian: "Custodian",
    commitment: "Commitment (SHA-256)",
    words: "In words (English, BIP-39): row by row, from left to right",
    digits: "In digits: the fifth digit of each group checks the other four",
    rules: [
        "Words, digits and the code hold the same share; any one of them is enough.",
        "Verify before the bag is closed: type the share at the ceremony's machine. The commitment on its \
         screen must be the one above and the one in the transcript.",
        "Fold the print inwards, put the sheet into an opaque bag with a serial number, and write that number \
         here and in the booklet.",
        "Keep the bag in a safe of your own organisation, never with another share of this set. Never \
         photograph, copy, scan or send this sheet, and type it at a ceremony only.",
        "If the bag is lost or was opened, tell the administrator at once. New shares are made, and this one is \
         destroyed before witnesses.",
    ],
    bag: "Serial of the sealed bag",
    initials: "Initials",
};

pub(super) const JAPANESE: Said = Said {
    secret: "秘密",
    heading: "バックアップ鍵の分割鍵",
    recipe: "手順書のハッシュ値 (SHA-256)",
    project: "プロジェクト",
    epoch: "鍵世代",
    set: "組",
    index: "分割鍵の番号",
    threshold: "必要な分割鍵の数",
    custodian: "鍵管理者",
    commitment: "コミットメント (SHA-256)",
    words: "単語（英語、BIP-39）：左から右へ、一段ずつ",
    digits: "数字：各組の五桁目は前の四桁の検査数字",
    rules: [
        "単語・数字・QR コードは同じ分割鍵です。どれか一つで足ります。",
        "袋を閉じる前に検証します。セレモニー用端末に入力し、画面のコミットメントが上の値および\
         記録の値と一致することを確かめます。",
        "印字面を内側に折り、通し番号のある不透明な封印袋に入れ、番号をこの紙と冊子の両方に記します。",
        "自組織の金庫に保管し、同じ組の他の分割鍵と一緒に置きません。撮影・複写・スキャン・送信は禁止です。\
         入力はセレモニーの場に限ります。",
        "紛失したとき、または開封の跡があるときは、直ちに進行責任者へ連絡します。分割鍵を作り直し、\
         この紙は立会いのもとで廃棄します。",
    ],
    bag: "封印袋の通し番号",
    initials: "イニシャル",
};
