//! What kind of act is meant: who asks to see something does not want to have it deleted.

use super::thesaurus::Sense;

/// A kind of act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing changes.
    Read,
    /// Something new comes.
    Add,
    /// Something that is there goes to another place or to somebody.
    Send,
    /// Something goes.
    Remove,
    /// Something is other than before, or happens.
    Change,
}

const READ: &str = "browse check compare count describe diff display download estimate explain extract fetch find get grep \
    inspect know list look lookup measure monitor preview print query read report retrieve return scan see search show \
    summarize track unpack unzip view watch";
const ADD: &str = "add append book build compose compress create draft generate insert launch make new pack raise register reserve schedule write";
const SEND: &str = "clone copy deliver duplicate fork forward move post publish push put reply save send submit transfer upload";
const REMOVE: &str =
    "cancel clear delete destroy discard drop erase prune purge remove trash uninstall unsubscribe wipe";
const CHANGE: &str = "accept apply approve archive assign change close commit convert decline deploy disable edit enable \
    execute give install invite kill lock mark merge modify mute pause rebase reject rename reopen \
    replace rerun reset resize resolve restart restore retry revert rotate run scale set share start stop switch \
    terminate transition trigger turn undo update";

/// Questions that begin so want to know something.
const ASKING: &str = "are did does had has have is was were what when where which who whose why will";

/// Words that are a thing as often as an act. They are one at the beginning only, with an article after them.
const EITHER: [(&str, Act); 9] = [
    ("answer", Act::Send),
    ("comment", Act::Add),
    ("file", Act::Add),
    ("log", Act::Add),
    ("open", Act::Add),
    ("order", Act::Add),
    ("plan", Act::Add),
    ("record", Act::Add),
    ("text", Act::Send),
];

fn is_in(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

fn verb(word: &str) -> Option<Act> {
    let plain = |word: &str| {
        [
            (READ, Act::Read),
            (ADD, Act::Add),
            (SEND, Act::Send),
            (REMOVE, Act::Remove),
            (CHANGE, Act::Change),
        ]
        .into_iter()
        .find(|(list, _)| is_in(list, word))
        .map(|(_, act)| act)
    };
    plain(word).or_else(|| plain(word.strip_suffix('s')?))
}

/// The act of a tool: descriptions begin with a verb, and names have one.
pub(super) fn of_tool(name: &[String], description: &[String]) -> Option<Act> {
    let first = description.first().and_then(|word| verb(word));
    first.or_else(|| name.iter().find_map(|word| verb(word)))
}

/// The act that a question asks for.
pub(super) fn of_question(words: &[String], senses: &[Sense]) -> Option<Act> {
    let mut all = words.iter().map(String::as_str);
    if let Some(first) = all.next() {
        let article = all
            .next()
            .is_some_and(|word| is_in("a an the my some somebody someone this our", word));
        if let Some((_, act)) = EITHER.iter().find(|(word, _)| article && *word == first) {
            return Some(*act);
        }
        if is_in(ASKING, first) {
            return Some(Act::Read);
        }
        if first == "how"
            && !words
                .get(1)
                .is_some_and(|word| is_in("can could do should to", word))
        {
            return Some(Act::Read);
        }
    }
    for sense in senses {
        let act = match sense.words.as_slice() {
            [word] => verb(word),
            _ => sense.others.iter().find_map(|word| verb(word)),
        };
        if act.is_some() {
            return act;
        }
    }
    None
}

/// How well acts go together: what a tool's score is multiplied with.
pub(super) fn fit(asked: Option<Act>, tool: Option<Act>) -> f64 {
    match (asked, tool) {
        (Some(asked), Some(tool)) if asked == tool => 1.15,
        (Some(Act::Read | Act::Remove), Some(_)) | (Some(_), Some(Act::Read | Act::Remove)) => 0.7,
        (Some(_), Some(_)) => 0.85,
        _ => 1.0,
    }
}
