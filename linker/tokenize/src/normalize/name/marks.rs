//! Names that are nobody's: of newborns, of test records, and words for no name. They are noticed, counted
//! and never dropped silently.

use zeroize::Zeroizing;

use crate::normalize::text::{is_han, is_kana};

/// Names that hospitals give to newborns: ベビー, or the mother's name with の子. `upper` has capitals only.
pub(super) fn is_newborn(upper: &str) -> bool {
    const ANYWHERE: [&str; 4] = ["ベビー", "べびー", "ベイビー", "新生児"];
    const LATIN: [&str; 4] = ["BABY", "BABYBOY", "BABYGIRL", "NEWBORN"];
    /// After the mother's name, whose last character is a kanji.
    const OF_MOTHER: [&str; 3] = ["の子", "ノ子", "の児"];
    /// At the end of any name: twins are told apart by numbers, given as I and II too.
    const ENDINGS: [&str; 18] = [
        "ベビ",
        "男児",
        "女児",
        "第一子",
        "第二子",
        "第三子",
        "第1子",
        "第2子",
        "第3子",
        "第一児",
        "第二児",
        "第1児",
        "第2児",
        "1児",
        "2児",
        "I児",
        "II児",
        "III児",
    ];
    // Each of the words has one of these, and most names have none.
    if !upper.contains(['ビ', 'び', '児', '子', 'B']) {
        return false;
    }
    let joined = joined(upper);
    if ANYWHERE.iter().any(|word| joined.contains(word))
        || upper.split(' ').any(|part| LATIN.contains(&part))
        || ENDINGS.iter().any(|word| joined.ends_with(word))
    {
        return true;
    }
    let mother = OF_MOTHER.iter().find_map(|end| joined.strip_suffix(end));
    mother.is_some_and(|mother| mother.chars().count() >= 3 && mother.ends_with(is_han))
}

/// Given names after such a word.
const FOLLOWED: [&str; 7] = [
    "タロウ",
    "ハナコ",
    "イチロウ",
    "カンジャ",
    "ジロウ",
    "ヨウ",
    "タロー",
];

/// Names that institutions give to test records. `upper` has capitals only.
pub(super) fn is_test(upper: &str) -> bool {
    const EXACT: [&str; 7] = [
        "テスト",
        "てすと",
        "TEST",
        "ダミー",
        "DUMMY",
        "サンプル",
        "DEMO",
    ];
    const ENDINGS: [&str; 3] = ["テスト", "てすと", "ダミー"];
    let begins = upper.split(' ').any(|part| {
        EXACT.iter().any(|word| {
            part.strip_prefix(word).is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with(|c: char| is_han(c) || c.is_ascii_digit())
                    || FOLLOWED.iter().any(|name| rest.starts_with(name))
            })
        })
    });
    begins
        || ENDINGS.iter().any(|word| {
            upper
                .strip_suffix(word)
                .is_some_and(|rest| rest.ends_with(|c| is_han(c) || is_kana(c)))
        })
}

/// Further words that institutions begin the names of test records with. None has a character that makes a
/// name unusual, so every name is asked.
pub(super) fn is_test_word(text: &str) -> bool {
    const BEGINNINGS: [&str; 8] = [
        "試験患者",
        "試験用",
        "検証用",
        "動作確認",
        "練習用",
        "研修用",
        "仮患者",
        "架空",
    ];
    let demo = text.strip_prefix("デモ").is_some_and(|rest| {
        rest.is_empty()
            || rest.starts_with(|c| c == ' ' || is_han(c))
            || FOLLOWED.iter().any(|name| rest.starts_with(name))
    });
    let kanji = text.starts_with(['試', '検', '動', '練', '研', '仮', '架']);
    demo || (kanji && BEGINNINGS.iter().any(|word| text.starts_with(word)))
}

/// Words for no name: the whole name, or its family or given part. People of whom nothing is known must not
/// look like one another.
pub(super) fn is_placeholder(text: &str) -> bool {
    const PARTS: [&str; 13] = [
        "不明",
        "不詳",
        "未定",
        "身元不明",
        "氏名不明",
        "氏名不詳",
        "フメイ",
        "フショウ",
        "ミテイ",
        "シメイフメイ",
        "シメイフショウ",
        "ミモトフメイ",
        "UNKNOWN",
    ];
    const WHOLE: [&str; 12] = [
        "匿名",
        "未登録",
        "該当なし",
        "該当ナシ",
        "名無し",
        "名ナシ",
        "トクメイ",
        "ミトウロク",
        "ナナシ",
        "NONAME",
        "ANONYMOUS",
        "NULL",
    ];
    /// What emergency wards write after such a word.
    const ENDINGS: [&str; 5] = ["男性", "女性", "男", "女", "者"];
    const BEGINNINGS: [char; 16] = [
        '不', '未', '身', '氏', '匿', '該', '名', 'フ', 'ミ', 'シ', 'ト', 'ナ', 'U', 'u', 'N', 'A',
    ];
    // Most names are passed by the first characters of their parts.
    let suspect = |part: &str| part.starts_with(BEGINNINGS) || part.starts_with(['n', 'a']);
    if !text.split(' ').any(suspect) {
        return false;
    }
    let plain = |part: &str| {
        let bare = ENDINGS.iter().find_map(|end| part.strip_suffix(end));
        [Some(part), bare]
            .into_iter()
            .flatten()
            .any(|word| PARTS.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    let joined = joined(text);
    text.split(' ').any(plain)
        || plain(&joined)
        || WHOLE.iter().any(|word| joined.eq_ignore_ascii_case(word))
}

fn joined(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    out.extend(text.chars().filter(|c| !c.is_whitespace()));
    out
}

#[cfg(test)]
mod tests {
    use crate::normalize::name::{Name, Script};

    #[test]
    fn newborns_and_tests_are_seen() {
        for raw in [
            "山田ベビー",
            "ヤマダ ﾍﾞﾋﾞｰ",
            "山田花子の子",
            "山田 花子ノ子",
            "YAMADA BABY",
            "山田花子　Ⅰ児",
            "山田 花子 第２子",
            "山田花子男児",
            "山田ベビ",
            "BABYGIRL YAMADA",
        ] {
            assert!(Name::parse(raw).newborn, "{raw}");
        }
        for raw in [
            "山田花子",
            "木の子",
            "山田ひの子",
            "丑の子",
            "山田健児",
            "山田 児",
        ] {
            assert!(!Name::parse(raw).newborn, "{raw}");
        }
        for raw in [
            "テスト太郎",
            "ﾃｽﾄ ﾀﾛｳ",
            "テストタロウ",
            "test patient",
            "ダミー患者",
            "TEST1",
            "山田テスト",
            "デモ太郎",
            "動作確認用",
            "試験患者 一",
        ] {
            assert!(Name::parse(raw).test, "{raw}");
        }
        for raw in [
            "山田太郎",
            "テスティーノ",
            "TESTA MARIO",
            "検見川一",
            "デモンド",
            "架谷一",
        ] {
            assert!(!Name::parse(raw).test, "{raw}");
        }
    }

    #[test]
    fn every_word_for_newborns_has_a_character_that_is_looked_for_first() {
        let source = include_str!("marks.rs");
        let words = &source[..source.find("if !upper.contains").expect("above")];
        let words = words[words.find("const ANYWHERE").expect("first")..].split('"');
        let words: Vec<_> = words.skip(1).step_by(2).collect();
        assert!(words.len() > 25, "{}", words.len());
        for word in words {
            assert!(word.contains(['ビ', 'び', '児', '子', 'B']), "{word}");
        }
    }

    #[test]
    fn words_for_no_name_are_no_name() {
        for raw in [
            "不明",
            "氏名　不詳",
            "山田 不明",
            "不明　男性",
            "身元不明者",
            "ﾌﾒｲ",
            "ヤマダ フメイ",
            "Unknown",
            "no name",
            "匿名",
            "未登録",
            "（不明）不明",
        ] {
            let name = Name::parse(raw);
            assert!(name.placeholder && name.script() == Script::None, "{raw}");
        }
        for raw in [
            "不破 明",
            "未来",
            "名取 一",
            "フミ",
            "ミテイラ",
            "シメ",
            "Unkno",
            "Null Maria",
            "山田 匿名子",
            "",
        ] {
            assert!(!Name::parse(raw).placeholder, "{raw}");
        }
    }
}
