//! What a compiling child answers: a header, and a body that is as long as the header says and has its hash.
//!
//! The hash is no protection against the child, which is trusted as the compiler is. It is there so that an answer that was
//! cut off, or is another program's, is never taken for code.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};

use wasmtime::Engine;

/// What every answer begins with; the last character is the form's version.
const MAGIC: [u8; 8] = *b"fact-co1";

/// Largest body. Code is some five times as large as its component.
const MAX_BODY: u64 = 1 << 30;

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The code.
    Code(Vec<u8>),
    /// What is wrong with the component.
    Invalid(String),
    /// The engine had no memory left.
    Memory,
}

/// Why an answer is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nothing came at all.
    Nothing,
    /// It ends too early.
    Cut,
    /// It has another form, or is not what its header says.
    Damaged,
    /// It comes from a compiler with other settings or of another version.
    Foreign,
}

/// The version and the settings of an engine that code depends on.
pub(super) fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn start(kind: u8, engine: u64, length: u64) -> [u8; 25] {
    let mut start = [0; 25];
    let fields = MAGIC
        .into_iter()
        .chain([kind])
        .chain(engine.to_le_bytes())
        .chain(length.to_le_bytes());
    for (to, from) in start.iter_mut().zip(fields) {
        *to = from;
    }
    start
}

fn hash(start: &[u8], body: &[u8]) -> [u8; blake3::OUT_LEN] {
    *blake3::Hasher::new()
        .update(start)
        .update(body)
        .finalize()
        .as_bytes()
}

pub(super) fn write(to: &mut dyn Write, engine: u64, answer: &Answer) -> io::Result<()> {
    let (kind, body) = match answer {
        Answer::Code(code) => (0, code.as_slice()),
        Answer::Invalid(why) => (1, why.as_bytes()),
        Answer::Memory => (2, &[][..]),
    };
    let start = start(kind, engine, body.len() as u64);
    to.write_all(&start)?;
    to.write_all(&hash(&start, body))?;
    to.write_all(body)?;
    to.flush()
}

pub(super) fn read(from: &mut dyn Read, engine: u64) -> Result<Answer, Broken> {
    let mut first = [0; 1];
    from.read_exact(&mut first).map_err(|_| Broken::Nothing)?;
    let mut field = |bytes: &mut [u8]| from.read_exact(bytes).map_err(|_| Broken::Cut);
    let (mut magic, mut kind, mut theirs, mut length, mut sealed) = ([0; 7], [0], [0; 8], [0; 8], [0; 32]);
    field(&mut magic)?;
    if !MAGIC.iter().eq(first.iter().chain(&magic)) {
        return Err(Broken::Damaged);
    }
    field(&mut kind)?;
    field(&mut theirs)?;
    field(&mut length)?;
    field(&mut sealed)?;
    let [kind] = kind;
    let length = u64::from_le_bytes(length);
    if u64::from_le_bytes(theirs) != engine {
        return Err(Broken::Foreign);
    }
    if length > MAX_BODY {
        return Err(Broken::Damaged);
    }
    let mut body = Vec::new();
    from.take(length)
        .read_to_end(&mut body)
        .map_err(|_| Broken::Cut)?;
    if body.len() as u64 != length {
        return Err(Broken::Cut);
    }
    if hash(&start(kind, engine, length), &body) != sealed {
        return Err(Broken::Damaged);
    }
    match kind {
        0 => Ok(Answer::Code(body)),
        1 => Ok(Answer::Invalid(String::from_utf8_lossy(&body).into_owned())),
        2 => Ok(Answer::Memory),
        _ => Err(Broken::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, 7, answer).unwrap();
        bytes
    }

    #[test]
    fn answers_come_back() {
        for answer in [
            Answer::Code(vec![1, 2, 3]),
            Answer::Code(Vec::new()),
            Answer::Invalid("no".to_owned()),
            Answer::Memory,
        ] {
            let bytes = written(&answer);
            assert_eq!(read(&mut bytes.as_slice(), 7).as_ref(), Ok(&answer));
            assert_eq!(read(&mut bytes.as_slice(), 8), Err(Broken::Foreign));
        }
    }

    #[test]
    fn nothing_else_is_taken_for_code() {
        let good = written(&Answer::Code(b"code".to_vec()));
        for cut in 0..good.len() {
            let broken = read(&mut &good[..cut], 7).unwrap_err();
            let expected = if cut == 0 { Broken::Nothing } else { Broken::Cut };
            assert_eq!(broken, expected, "cut off at {cut}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&mut bad.as_slice(), 7).is_err(), "changed at {at}");
        }
        let endless = start(0, 7, u64::MAX);
        let mut bytes = endless.to_vec();
        bytes.extend(hash(&endless, b""));
        assert_eq!(
            read(&mut bytes.chain(io::repeat(0)), 7),
            Err(Broken::Damaged),
            "it is not read to its end"
        );
    }
}
