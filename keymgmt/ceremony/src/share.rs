//! Putting a typed share together from what the journal knows of it.

use keymgmt_custody::{
    CustodyError, Secret,
    backup::{Share, verify_share},
};

use crate::{
    error::CeremonyError,
    journal::{BackupRecord, CustodianRecord, unhex},
};

/// The share of a record with a typed value.
pub(crate) fn from_record(
    backup: &BackupRecord,
    custodian: &CustodianRecord,
    value: Secret,
) -> Result<Share, CeremonyError> {
    let set = unhex(&backup.set).ok_or(CeremonyError::WrongFolder {
        rule: "the set of its backup does not parse",
    })?;
    Ok(Share::from_value(
        set,
        &custodian.name,
        custodian.index,
        backup.threshold,
        backup.shares,
        value,
    )?)
}

/// The same share with a typed value.
pub(crate) fn with_value(share: &Share, value: Secret) -> Result<Share, CeremonyError> {
    Ok(Share::from_value(
        share.set(),
        share.custodian(),
        share.index(),
        share.threshold(),
        share.shares(),
        value,
    )?)
}

/// The commitment of a record.
pub(crate) fn commitment(record: &CustodianRecord) -> Result<[u8; 32], CeremonyError> {
    unhex(&record.commitment).ok_or(CeremonyError::WrongFolder {
        rule: "a commitment of its journal does not parse",
    })
}

/// Refuses a share that is not the one that its custodian was given.
pub(crate) fn verify(share: &Share, record: &CustodianRecord) -> Result<(), CeremonyError> {
    let commitment = commitment(record)?;
    if share.custodian() == record.name {
        Ok(verify_share(share, &commitment)?)
    } else {
        Err(CustodyError::WrongShare {
            custodian: record.name.clone(),
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use keymgmt_custody::backup::split;

    use super::*;

    #[test]
    fn a_typed_share_is_the_share_and_another_is_named() {
        let key = Secret::take(&mut [0x42; 32]);
        let names: Vec<_> = ["a", "b", "c"].map(str::to_owned).into();
        let shares = split(&key, 2, &names).expect("splits");
        let value = Secret::take(&mut shares[1].value().expose().to_owned());
        let again = with_value(&shares[1], value).expect("whole");
        let record = |share: &Share| CustodianRecord {
            name: share.custodian().to_owned(),
            index: share.index(),
            commitment: hex::encode(share.commitment()),
        };
        verify(&again, &record(&shares[1])).expect("the same");
        for other in [&shares[0], &shares[2]] {
            let refused = verify(other, &record(&shares[1])).expect_err("another");
            assert_eq!(refused.code(), "WRONG_SHARE");
        }
    }
}
