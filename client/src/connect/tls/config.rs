//! One `ClientConfig` for each distinct set of options, kept for the process: sessions are resumed only through the
//! same config.

use super::options::TlsOptions;
use super::trust::NoVerification;
use crate::error::{Error, ErrorCode};
use crate::fork::PerProcess;
use crate::sync::Mutex;
use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_platform_verifier::Verifier;
use std::collections::HashMap;
use std::sync::Arc;

/// The config for these options; made at the first call, which may read files.
pub(super) fn config(options: &TlsOptions) -> Result<Arc<ClientConfig>, Error> {
    type Cell = Arc<OnceCell<Arc<ClientConfig>>>;
    static CONFIGS: PerProcess<Mutex<HashMap<TlsOptions, Cell>>> =
        PerProcess::new(|| Mutex::new(HashMap::new()));
    /// A host that makes up options without end must not fill the memory with configs.
    const MOST: usize = 64;
    let cell = {
        let mut configs = CONFIGS.get().lock();
        if configs.len() >= MOST && !configs.contains_key(options) {
            configs.clear();
        }
        Arc::clone(configs.entry(options.clone()).or_default())
    };
    // Not under the lock: another set of options need not wait for the files of this one.
    cell.get_or_try_init(|| make(options)).cloned()
}

fn make(options: &TlsOptions) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let trust: Arc<dyn ServerCertVerifier> = if options.verify {
        let verifier =
            Verifier::new_with_extra_roots(options.authorities.iter().cloned(), Arc::clone(&provider));
        Arc::new(verifier.map_err(|error| {
            Error::new(
                ErrorCode::Tls,
                "tls ",
                format!(
                    "The system's trust could not be read: {error}; add a CA with ws_options_set_ca_file"
                ),
            )
        })?)
    } else {
        Arc::new(NoVerification(provider.signature_verification_algorithms))
    };
    let config = ClientConfig::builder_with_provider(provider as Arc<CryptoProvider>)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorCode::Tls, "tls ", error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(trust)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
