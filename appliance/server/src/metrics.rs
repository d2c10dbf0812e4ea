//! Every metric by name and unit. Labels come from closed sets; none names a record or a person.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const HANDSHAKES: &str = "musubi_tls_handshakes_total";
const CALLS: &str = "musubi_calls_total";
const CALL_SECONDS: &str = "musubi_call_seconds";
const BATCHES: &str = "musubi_batches_total";
const ROWS: &str = "musubi_rows_total";
const HSM_SECONDS: &str = "musubi_hsm_call_seconds";
const RUNS: &str = "musubi_runs_total";
const DRIFT: &str = "musubi_run_drift_total";
const STAGE_SECONDS: &str = "musubi_run_stage_seconds";
const READY: &str = "musubi_ready";
const READY_BESIDE: &str = "musubi_epoch_beside_ready";
const MOVE_RECORDS: &str = "musubi_epoch_move_records";
const MOVE_COMPLETE: &str = "musubi_epoch_move_complete";
const ENQUIRIES: &str = "musubi_enquiries_total";
const SITES_REVOKED: &str = "musubi_sites_revoked";
const REVOKED_CALLS: &str = "musubi_revoked_site_calls_total";
const LOOKUP_ROWS: &str = "musubi_lookup_index_rows";
const LOOKUP_BYTES: &str = "musubi_lookup_index_bytes";
const LOOKUP_AGE: &str = "musubi_lookup_index_age_seconds";

/// Upper ends of the buckets of every histogram, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0,
];

/// Installs the recorder of this process and returns the handle that renders it.
///
/// # Errors
/// [`BuildError`] if a recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(HANDSHAKES, "TLS handshakes by result");
    describe_counter!(CALLS, "Calls by method and reason code");
    describe_histogram!(
        CALL_SECONDS,
        "Seconds from a call's start to its answer, by method"
    );
    describe_counter!(BATCHES, "Batches by result");
    describe_counter!(ROWS, "Rows of accepted batches, admitted or quarantined");
    describe_histogram!(HSM_SECONDS, "Seconds of HSM calls by operation");
    describe_counter!(RUNS, "Runs by final state");
    describe_counter!(DRIFT, "Changes since the released run before, by kind");
    describe_histogram!(STAGE_SECONDS, "Seconds of a run's stages");
    describe_gauge!(READY, "1 for each readiness condition that holds");
    describe_gauge!(
        READY_BESIDE,
        "1 for each readiness condition of the key epoch beside the one in force"
    );
    describe_gauge!(
        MOVE_RECORDS,
        "Records of a site under the older key epoch, and those sent again under the next"
    );
    describe_gauge!(
        MOVE_COMPLETE,
        "1 for each site that has moved over to the next key epoch"
    );
    describe_counter!(ENQUIRIES, "Questions about one token, by role and answer");
    describe_gauge!(SITES_REVOKED, "Sites that the custodians have revoked");
    describe_counter!(REVOKED_CALLS, "Calls of revoked sites, all refused");
    describe_gauge!(LOOKUP_ROWS, "Rows in the look-up index");
    describe_gauge!(LOOKUP_BYTES, "Bytes of the look-up index");
    describe_gauge!(LOOKUP_AGE, "Seconds since the look-up index was built");
}

/// One handshake: `ok`, `refused`, `late` or `shed`.
pub fn handshake(result: &'static str) {
    counter!(HANDSHAKES, "result" => result).increment(1);
}

/// One finished call; `code` is `OK` or a reason code.
pub fn call(method: &'static str, code: &'static str, took: Duration) {
    counter!(CALLS, "method" => method, "code" => code).increment(1);
    histogram!(CALL_SECONDS, "method" => method).record(took.as_secs_f64());
}

/// One admitted batch.
pub fn batch(admitted: u32, quarantined: u32) {
    counter!(BATCHES, "result" => "admitted").increment(1);
    counter!(ROWS, "result" => "admitted").increment(admitted.into());
    counter!(ROWS, "result" => "quarantined").increment(quarantined.into());
}

/// One refused batch.
pub fn batch_refused() {
    counter!(BATCHES, "result" => "refused").increment(1);
}

/// How many sites the enrolment in force revokes.
pub fn sites_revoked(count: u32) {
    gauge!(SITES_REVOKED).set(f64::from(count));
}

/// One refused call of a revoked site.
pub fn revoked_call() {
    counter!(REVOKED_CALLS).increment(1);
}

/// One HSM call.
pub fn hsm(operation: &'static str, took: Duration) {
    histogram!(HSM_SECONDS, "operation" => operation).record(took.as_secs_f64());
}

/// One ended run.
pub fn run(state: &'static str) {
    counter!(RUNS, "state" => state).increment(1);
}

/// One change since the released run before.
pub fn drift(kind: &'static str) {
    counter!(DRIFT, "kind" => kind).increment(1);
}

/// One ended stage of a run.
pub fn stage(name: &'static str, took: Duration) {
    histogram!(STAGE_SECONDS, "stage" => name).record(took.as_secs_f64());
}

/// One question about a token: `person`, `none`, `ambiguous` or `refused`.
pub fn enquiry(role: &'static str, answer: &'static str) {
    counter!(ENQUIRIES, "role" => role, "answer" => answer).increment(1);
}

/// The look-up index was exchanged; zeros if it was given up.
#[expect(clippy::cast_precision_loss, reason = "rows and bytes stay below 2^53")]
pub fn lookup_index(rows: u64, bytes: u64) {
    gauge!(LOOKUP_ROWS).set(rows as f64);
    gauge!(LOOKUP_BYTES).set(bytes as f64);
}

/// How old the look-up index is.
pub fn lookup_index_age(age: Duration) {
    gauge!(LOOKUP_AGE).set(age.as_secs_f64());
}

/// Whether a readiness condition holds, of the epoch in force or of the one beside it.
pub fn ready(condition: &'static str, beside: bool, holds: bool) {
    let value = if holds { 1.0 } else { 0.0 };
    if beside {
        gauge!(READY_BESIDE, "condition" => condition).set(value);
    } else {
        gauge!(READY, "condition" => condition).set(value);
    }
}

/// How far one site has moved over to the next key epoch. Its name is one of the signed enrolment.
#[expect(clippy::cast_precision_loss, reason = "records stay below 2^53")]
pub fn site_move(site: &str, before: u64, carried: u64, complete: bool) {
    let of =
        |which: &'static str| gauge!(MOVE_RECORDS, "site" => site.to_owned(), "which" => which);
    of("before").set(before as f64);
    of("carried").set(carried as f64);
    let complete = if complete { 1.0 } else { 0.0 };
    gauge!(MOVE_COMPLETE, "site" => site.to_owned()).set(complete);
}
