//! What to install for a module: the distribution that has it, which is often called otherwise (`sklearn` is a part of
//! scikit-learn).
//!
//! A save looks at the metadata of the environment (the `.dist-info` directories beside the module) and records the
//! answer in the index. A restore reads it there, and falls back to a table of well-known names.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Modules whose distributions have other names, the most common one first.
const KNOWN: [(&str, &[&str]); 62] = [
    ("Bio", &["biopython"]),
    ("Crypto", &["pycryptodome"]),
    ("Cryptodome", &["pycryptodomex"]),
    ("Levenshtein", &["python-Levenshtein", "Levenshtein"]),
    ("MySQLdb", &["mysqlclient"]),
    ("OpenSSL", &["pyOpenSSL"]),
    ("PIL", &["Pillow", "pillow-simd"]),
    ("Xlib", &["python-xlib"]),
    ("absl", &["absl-py"]),
    ("attr", &["attrs"]),
    ("bs4", &["beautifulsoup4"]),
    ("bson", &["pymongo", "bson"]),
    ("cairo", &["pycairo"]),
    ("cv2", &["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"]),
    ("dateutil", &["python-dateutil"]),
    ("discord", &["discord.py"]),
    ("docx", &["python-docx"]),
    ("dotenv", &["python-dotenv"]),
    ("faiss", &["faiss-cpu", "faiss-gpu"]),
    ("fitz", &["PyMuPDF"]),
    ("flask_sqlalchemy", &["Flask-SQLAlchemy"]),
    ("gi", &["PyGObject"]),
    ("git", &["GitPython"]),
    ("gridfs", &["pymongo"]),
    ("hydra", &["hydra-core"]),
    ("igraph", &["igraph", "python-igraph"]),
    ("imblearn", &["imbalanced-learn"]),
    ("jose", &["python-jose"]),
    ("jwt", &["PyJWT"]),
    ("kafka", &["kafka-python"]),
    ("ldap", &["python-ldap"]),
    ("magic", &["python-magic"]),
    ("memcache", &["python-memcached"]),
    ("mpl_toolkits", &["matplotlib"]),
    ("nacl", &["PyNaCl"]),
    ("osgeo", &["GDAL"]),
    ("pkg_resources", &["setuptools"]),
    ("pptx", &["python-pptx"]),
    ("psycopg2", &["psycopg2-binary", "psycopg2"]),
    ("pwiz", &["peewee"]),
    ("pylab", &["matplotlib"]),
    ("pytorch_lightning", &["pytorch-lightning"]),
    ("pywt", &["PyWavelets"]),
    ("rest_framework", &["djangorestframework"]),
    ("serial", &["pyserial"]),
    ("shapefile", &["pyshp"]),
    ("skimage", &["scikit-image"]),
    ("sklearn", &["scikit-learn", "scikit-learn-intelex"]),
    ("skopt", &["scikit-optimize"]),
    ("sksurv", &["scikit-survival"]),
    ("slugify", &["python-slugify"]),
    ("snappy", &["python-snappy"]),
    ("socks", &["PySocks"]),
    ("telegram", &["python-telegram-bot"]),
    ("umap", &["umap-learn"]),
    ("usb", &["pyusb"]),
    ("websocket", &["websocket-client"]),
    ("win32api", &["pywin32"]),
    ("wx", &["wxPython"]),
    ("xdg", &["pyxdg"]),
    ("yaml", &["PyYAML"]),
    ("zmq", &["pyzmq"]),
];

/// The most bytes of lists of files that are read to find the distribution of a module.
const MOST_READ: u64 = 4 << 20;

/// What is probably to be installed for a module, if nothing else is known.
pub(crate) fn well_known(module: &str) -> &str {
    let package = module.split('.').next().unwrap_or(module);
    candidates(package).first().copied().unwrap_or(package)
}

fn candidates(package: &str) -> &'static [&'static str] {
    KNOWN.iter().find(|(known, _)| *known == package).map_or(&[], |(_, names)| names)
}

/// A name as PEP 503 compares it.
fn normalized(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// The distributions of a directory, by their names.
type PackageListing = Arc<BTreeMap<String, InstalledDistribution>>;

/// The directories that were listed, with the times of their last changes: a script may save its session often, and a
/// directory of packages has hundreds of entries.
static LISTED: Mutex<BTreeMap<PathBuf, (SystemTime, PackageListing)>> = Mutex::new(BTreeMap::new());
/// A change within this time of another one may leave the time of the directory as it is.
const RECENT: Duration = Duration::from_secs(2);

/// The distributions that are installed beside modules. Each directory is listed once.
#[derive(Default)]
pub(super) struct InstalledDistributions {
    directories: HashMap<PathBuf, PackageListing>,
    read: u64,
}

/// The directory of a distribution's metadata, and its version.
#[derive(Clone)]
struct InstalledDistribution {
    metadata: PathBuf,
    version: String,
}

impl InstalledDistributions {
    /// The version of the distribution that is called like a package in a directory.
    pub(super) fn version(&mut self, directory: &Path, package: &str) -> Option<String> {
        self.installed(directory).get(&normalized(package)).map(|found| found.version.clone())
    }

    /// What to install for a package in a directory, with its version: `scikit-learn==1.5.2`. `None` if it is called
    /// like the package, or not known.
    pub(super) fn requirement(&mut self, directory: &Path, package: &str) -> Option<String> {
        if self.installed(directory).contains_key(&normalized(package)) {
            return None;
        }
        let installed = Arc::clone(self.installed(directory));
        let known = candidates(package).iter().find_map(|name| installed.get(&normalized(name)));
        let found = known.or_else(|| installed.values().find(|found| self.has_module(found, package)))?;
        Some(requirement(&found.name()?, &found.version))
    }

    fn installed(&mut self, directory: &Path) -> &PackageListing {
        self.directories.entry(directory.to_owned()).or_insert_with(|| installed_in(directory))
    }

    /// Whether a distribution lists a module among its own, or among its files.
    fn has_module(&mut self, found: &InstalledDistribution, module: &str) -> bool {
        let top_level = fs::read_to_string(found.metadata.join("top_level.txt"));
        if let Ok(names) = top_level {
            return names.lines().any(|name| name.trim() == module);
        }
        let record = found.metadata.join("RECORD");
        self.read += fs::metadata(&record).map_or(0, |found| found.len());
        if self.read > MOST_READ {
            return false;
        }
        let files = fs::read_to_string(&record).unwrap_or_default();
        files.lines().any(|line| {
            let rest = line.strip_prefix(module).unwrap_or_default();
            rest.starts_with("/__init__.py") || rest.starts_with(".py,") || rest.starts_with(".cpython-")
        })
    }
}

impl InstalledDistribution {
    /// The name as its author writes it.
    fn name(&self) -> Option<String> {
        let mut head = Vec::new();
        fs::File::open(self.metadata.join("METADATA")).ok()?.take(4096).read_to_end(&mut head).ok()?;
        let head = String::from_utf8_lossy(&head);
        head.lines().find_map(|line| line.strip_prefix("Name:")).map(|name| name.trim().to_owned())
    }
}

fn installed_in(directory: &Path) -> PackageListing {
    let changed = fs::metadata(directory).and_then(|found| found.modified()).ok();
    let listed = || LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, known)) = listed().get(directory)
        && changed == Some(*at)
    {
        return Arc::clone(known);
    }
    let found = Arc::new(list(directory));
    // While packages are being installed, the next save looks again.
    let is_old = |at: &SystemTime| at.elapsed().is_ok_and(|age| age > RECENT);
    if let Some(changed) = changed.filter(is_old) {
        listed().insert(directory.to_owned(), (changed, Arc::clone(&found)));
    }
    found
}

fn list(directory: &Path) -> BTreeMap<String, InstalledDistribution> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (name, version) = name.strip_suffix(".dist-info")?.rsplit_once('-')?;
        Some((normalized(name), InstalledDistribution { metadata: entry.path(), version: version.to_owned() }))
    });
    found.collect()
}

/// `scikit-learn==1.5.2`, as pip takes it. A local version such as `2.1.0+cpu` is in no package index.
pub(crate) fn requirement(name: &str, version: &str) -> String {
    let version = version.split('+').next().unwrap_or(version);
    if version.is_empty() { name.to_owned() } else { format!("{name}=={version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_modules_are_in_order_and_named_once() {
        assert!(KNOWN.is_sorted_by(|(a, _), (b, _)| a < b));
        assert_eq!(
            (well_known("sklearn.svm"), well_known("numpy"), well_known("cv2")),
            ("scikit-learn", "numpy", "opencv-python")
        );
        assert_eq!(requirement("torch", "2.1.0+cpu"), "torch==2.1.0");
    }

    #[test]
    fn the_metadata_beside_a_module_says_what_to_install() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, file: &str, text: &str| {
            let folder = folder.path().join(name);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(file), text)
        };
        for (folder, name) in [
            ("opencv_python_headless-4.8.0.76", "opencv-python-headless"),
            ("odd-1.0", "Odd"),
            ("other_name-2.0+cpu", "Other.Name"),
            ("numpy-2.0", "numpy"),
        ] {
            write(&format!("{folder}.dist-info"), "METADATA", &format!("Metadata-Version: 2.1\nName: {name}\n"))?;
        }
        write("odd-1.0.dist-info", "top_level.txt", "strange\neven\n")?;
        write("other_name-2.0+cpu.dist-info", "RECORD", "single.py,sha256=x,1\nmany/__init__.py,,\nmany/x.py,,\n")?;
        let mut found = InstalledDistributions::default();
        let mut of = |module: &str| found.requirement(folder.path(), module);
        assert_eq!(of("cv2").as_deref(), Some("opencv-python-headless==4.8.0.76"));
        assert_eq!(of("even").as_deref(), Some("Odd==1.0"));
        assert_eq!(of("many").as_deref(), Some("Other.Name==2.0"));
        assert_eq!(of("single").as_deref(), Some("Other.Name==2.0"));
        assert_eq!((of("numpy"), of("nowhere")), (None, None));
        assert_eq!(found.version(folder.path(), "numpy").as_deref(), Some("2.0"));
        Ok(())
    }

    #[test]
    fn a_directory_is_listed_again_after_a_change() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let version = |number: u32| {
            let old = folder.path().join(format!("pkg-{}.0.dist-info", number - 1));
            let new = folder.path().join(format!("pkg-{number}.0.dist-info"));
            if number == 1 {
                fs::create_dir(&new)?
            } else {
                fs::rename(&old, &new)?
            }
            // As if the change were an hour old: then the listing is kept.
            let hour = SystemTime::now() - Duration::from_secs(3600) + Duration::from_secs(number.into());
            fs::File::open(folder.path())?.set_modified(hour)?;
            let found = [(); 2].map(|()| InstalledDistributions::default().version(folder.path(), "pkg"));
            std::io::Result::Ok(found.map(Option::unwrap_or_default))
        };
        for number in 1..4 {
            assert_eq!(version(number)?, [format!("{number}.0"), format!("{number}.0")]);
        }
        Ok(())
    }
}
