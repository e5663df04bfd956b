//! How deep the types of a component are nested.
//!
//! The parser reads types inside types by calling itself, without a bound of its own: some kilobytes are enough to use up
//! any stack, and that ends the process. So the depth is looked at first, in a loop.

use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration};

use crate::InspectError;

/// Most levels of types inside types. Compilers write three.
pub(crate) const MAX_TYPE_DEPTH: usize = 32;

/// What holds declarations.
#[derive(Clone, Copy)]
enum Holder {
    Component,
    Instance,
}

/// Checks the content of a section of types, which begins at `offset` of the file.
pub(crate) fn check(content: &[u8], offset: usize) -> Result<(), InspectError> {
    let mut reader = BinaryReader::new(content, offset);
    for _ in 0..reader.read_var_u32()? {
        one(&mut reader)?;
    }
    Ok(())
}

/// Reads one type with everything in it.
fn one(reader: &mut BinaryReader<'_>) -> Result<(), InspectError> {
    // What is open, and how many declarations of each are still to come.
    let mut open: Vec<(Holder, u32)> = Vec::new();
    enter(reader, &mut open)?;
    while let Some((holder, left)) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        let holder = *holder;
        let mut ahead = reader.clone();
        // The declaration of a type, which may hold declarations itself.
        if ahead.read_u8()? == 0x01 {
            *reader = ahead;
            enter(reader, &mut open)?;
            continue;
        }
        match holder {
            Holder::Component => drop(reader.read::<ComponentTypeDeclaration<'_>>()?),
            Holder::Instance => drop(reader.read::<InstanceTypeDeclaration<'_>>()?),
        }
    }
    Ok(())
}

/// Reads a type that holds no others, or opens one that does.
fn enter(reader: &mut BinaryReader<'_>, open: &mut Vec<(Holder, u32)>) -> Result<(), InspectError> {
    let mut ahead = reader.clone();
    let holder = match ahead.read_u8()? {
        0x41 => Holder::Component,
        0x42 => Holder::Instance,
        _ => {
            reader.read::<ComponentType<'_>>()?;
            return Ok(());
        }
    };
    if open.len() >= MAX_TYPE_DEPTH {
        return Err(InspectError::TooDeep(MAX_TYPE_DEPTH));
    }
    open.push((holder, ahead.read_var_u32()?));
    *reader = ahead;
    Ok(())
}
