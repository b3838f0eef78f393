//! One `ClientConfig` for each distinct set of options, kept for the process: sessions are resumed only through the
//! same config, so what one set of options has proved is never lent to another.

use super::key_log::KeyLogFile;
use super::options::TlsOptions;
use super::provider::default_provider;
use super::trust::Trust;
use crate::error::{Component, Error, ErrorCode, code_of_io};
use crate::fork::PerProcess;
use crate::sync::Mutex;
use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use std::collections::HashMap;
use std::sync::Arc;

type Cell = Arc<OnceCell<Arc<ClientConfig>>>;

/// Configs, each with the turn of its last use.
#[derive(Default)]
struct Configs {
    known: HashMap<TlsOptions, (Cell, u64)>,
    turn: u64,
}

/// A host that makes up options without end must not fill the memory with configs.
const MOST: usize = 64;

impl Configs {
    fn cell(&mut self, options: &TlsOptions) -> Cell {
        self.turn += 1;
        if self.known.len() >= MOST && !self.known.contains_key(options) {
            // The one that was not used for the longest time: what is in use keeps its sessions.
            let oldest =
                self.known.iter().min_by_key(|(_, (_, used))| *used).map(|(oldest, _)| oldest.clone());
            oldest.map(|oldest| self.known.remove(&oldest));
        }
        let (cell, used) = self.known.entry(options.clone()).or_default();
        *used = self.turn;
        Arc::clone(cell)
    }
}

/// The config for these options; made at the first call, which may read files.
pub(super) fn config(options: &TlsOptions) -> Result<Arc<ClientConfig>, Error> {
    static CONFIGS: PerProcess<Mutex<Configs>> = PerProcess::new(|| Mutex::new(Configs::default()));
    let cell = CONFIGS.get().lock().cell(options);
    // Not under the lock: another set of options need not wait for the files of this one.
    cell.get_or_try_init(|| make(options)).cloned()
}

fn make(options: &TlsOptions) -> Result<Arc<ClientConfig>, Error> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let trust = Trust::new(options, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(options.versions())
        .map_err(|error| Error::new(ErrorCode::Tls, Component::Tls, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust));
    let mut config = match &options.client_certificate {
        Some(identity) => config
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.certified)))),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    if let Some(path) = &options.key_log_file {
        config.key_log = Arc::new(KeyLogFile::new(path).map_err(|error| {
            // The setter could write to it; meanwhile its folder has gone, or the descriptors.
            let code = match code_of_io(&error) {
                ErrorCode::OutOfMemory => ErrorCode::OutOfMemory,
                _ => ErrorCode::File,
            };
            let message =
                format!("The key log file {path} (ws_options_set_key_log_file) could not be opened: {error}");
            Error::new(code, Component::Tls, message).with_os_code(error.raw_os_error().unwrap_or(0))
        })?);
    }
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_use_keep_their_config_however_many_others_come_and_go() {
        let numbered = |number: usize| {
            let mut options = TlsOptions::default();
            options.set_alpn(&number.to_string()).unwrap();
            options
        };
        let mut configs = Configs::default();
        let first = configs.cell(&numbered(0));
        for number in 1..1000 {
            configs.cell(&numbered(number));
            assert!(Arc::ptr_eq(&first, &configs.cell(&numbered(0))));
        }
        assert_eq!(configs.known.len(), MOST);
        let again = configs.cell(&numbered(1));
        assert_eq!(Arc::strong_count(&again), 2, "made anew");
        assert!(!configs.known.contains_key(&numbered(999 - MOST)));
    }
}
