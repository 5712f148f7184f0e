//! Whether other users could change what a path leads to. Code is run from paths that the user did not name only if
//! they could not.
//!
//! A path is followed as the kernel does, with its symlinks. Each directory on the way, each symlink and what is at the
//! end must belong to this user or to root, and nobody else may be able to write to it. In a directory with the sticky
//! bit, such as `/tmp`, others cannot replace what lies in it, so on the way its own mode does not matter.
//!
//! A group that can write counts as others, unless it has no other members: root's group, the private group of this
//! user (with the number or name of the user), and a group of the system that nobody is in.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::private_folder::own_uid;

/// The group `admin` of macOS: its members may do what root may. Homebrew's folders belong to it.
const ADMIN: Option<u32> = if cfg!(target_os = "macos") { Some(80) } else { None };
/// Groups below this number are those of the system.
const FIRST_USER_GROUP: u32 = 1000;
/// As many symlinks as Linux follows.
const MAX_LINKS: usize = 40;

/// A path that others could change, which may be a part of the one that was asked about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ForeignPath {
    /// It has another owner.
    #[error("{} belongs to another user", .0.display())]
    Owner(PathBuf),
    /// It has the right owner, but its mode lets others write.
    #[error("other users can write to {}", .0.display())]
    Writable(PathBuf),
}

/// Follows paths, and remembers the directories that it has passed.
#[derive(Default)]
pub(crate) struct PathOwners {
    passed: HashSet<PathBuf>,
}

impl PathOwners {
    /// Checks all that decides what is at a path. A path that leads nowhere is fine: nobody else can change that.
    pub(crate) fn check(&mut self, path: &Path) -> Result<(), ForeignPath> {
        let mut at = PathBuf::from("/");
        let mut pending = reversed_parts(&std::path::absolute(path).unwrap_or_default());
        let mut links = 0;
        self.pass(&at, pending.is_empty())?;
        while let Some(part) = pending.pop() {
            if part == OsStr::new("..") {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            let Ok(target) = fs::read_link(&next) else {
                self.pass(&next, pending.is_empty())?;
                at = next;
                continue;
            };
            // The mode of a symlink means nothing. Who owns it could have made it, in a directory such as `/tmp`.
            let Ok(link) = next.symlink_metadata() else { return Ok(()) };
            if !is_own(&link) {
                return Err(ForeignPath::Owner(next));
            }
            links += 1;
            if links > MAX_LINKS {
                return Ok(());
            }
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            pending.extend(reversed_parts(&target));
        }
        Ok(())
    }

    /// Checks a directory, and each entry in it.
    pub(super) fn check_entries(&mut self, directory: &Path) -> Result<(), ForeignPath> {
        self.check(directory)?;
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.check(&path)?,
                _ => self.pass(&path, true)?,
            }
        }
        Ok(())
    }

    /// Checks a file or directory itself. `is_end` says that its contents matter, not only where it leads to.
    fn pass(&mut self, path: &Path, is_end: bool) -> Result<(), ForeignPath> {
        if !is_end && self.passed.contains(path) {
            return Ok(());
        }
        let Ok(found) = path.symlink_metadata() else { return Ok(()) };
        if !is_own(&found) {
            return Err(ForeignPath::Owner(path.to_owned()));
        }
        let is_sticky = found.mode() & 0o1000 != 0 && found.is_dir() && !is_end;
        if !is_sticky && others_can_write(path, &found) {
            return Err(ForeignPath::Writable(path.to_owned()));
        }
        self.passed.insert(path.to_owned());
        Ok(())
    }
}

fn reversed_parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.rev().map(|part| part.as_os_str().to_owned()).collect()
}

fn is_own(found: &Metadata) -> bool {
    found.uid() == own_uid() || found.uid() == 0
}

fn others_can_write(path: &Path, found: &Metadata) -> bool {
    if found.mode() & 0o002 != 0 {
        return true;
    }
    // With an access control list, these bits are the most that any entry of the list grants.
    found.mode() & 0o020 != 0 && (has_access_list(path) || !is_private(found.gid()))
}

#[cfg(target_os = "linux")]
fn has_access_list(path: &Path) -> bool {
    rustix::fs::lgetxattr(path, c"system.posix_acl_access", &mut [0_u8; 0]).is_ok_and(|size| size > 0)
}

#[cfg(not(target_os = "linux"))]
fn has_access_list(_: &Path) -> bool {
    false
}

/// Whether a group has no members but this user and root.
fn is_private(group: u32) -> bool {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    Accounts { users: &read("/etc/passwd"), groups: &read("/etc/group") }.is_private(group, own_uid(), own_group())
}

fn own_group() -> u32 {
    rustix::process::getegid().as_raw()
}

/// The files with the users and groups of this machine. Those of a directory service are not in it.
struct Accounts<'a> {
    users: &'a str,
    groups: &'a str,
}

impl Accounts<'_> {
    fn is_private(&self, group: u32, user: u32, primary: u32) -> bool {
        let own_name = self.users.lines().find(|line| field(line, 2) == Some(&user.to_string()));
        let own_name = own_name.and_then(|line| field(line, 0));
        let entry = self.groups.lines().find(|line| field(line, 2) == Some(&group.to_string()));
        let listed = entry.and_then(|line| field(line, 3)).unwrap_or_default();
        let is_other = |name: &str| !name.is_empty() && name != "root" && Some(name) != own_name;
        if listed.split(',').map(str::trim).any(is_other) {
            return false;
        }
        if group == 0 || Some(group) == ADMIN {
            return true;
        }
        let name = entry.and_then(|line| field(line, 0));
        let is_of_user = group == primary && (group == user || (name.is_some() && name == own_name));
        is_of_user || (group < FIRST_USER_GROUP && entry.is_some() && !self.is_primary_of_others(group, user))
    }

    fn is_primary_of_others(&self, group: u32, user: u32) -> bool {
        let id = group.to_string();
        let mut members = self.users.lines().filter(|line| field(line, 3) == Some(&id));
        members.any(|line| field(line, 2).is_none_or(|number| number != user.to_string() && number != "0"))
    }
}

fn field(line: &str, number: usize) -> Option<&str> {
    line.split(':').nth(number)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        assert!(fs::set_permissions(path, fs::Permissions::from_mode(mode)).is_ok());
    }

    #[test]
    fn a_path_is_checked_from_the_root_to_the_end_of_its_symlinks() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        fs::create_dir_all(root.join("a/b"))?;
        fs::create_dir_all(root.join("c/d"))?;
        fs::write(root.join("c/d/file"), "")?;
        symlink("../../c/./d", root.join("a/b/link"))?;
        let path = root.join("a/b/link/file");
        let check = |path: &Path| PathOwners::default().check(path);
        assert_eq!(check(&path), Ok(()));
        for (part, is_file) in [("a", false), ("a/b", false), ("c", false), ("c/d", false), ("c/d/file", true)] {
            let part = root.join(part);
            set_mode(&part, 0o777);
            assert_eq!(check(&path), Err(ForeignPath::Writable(part.clone())), "{}", part.display());
            set_mode(&part, 0o1777);
            assert_eq!(check(&path).is_ok(), !is_file, "{}", part.display());
            assert_eq!(check(&part), Err(ForeignPath::Writable(part.clone())), "its own contents");
            set_mode(&part, 0o755);
        }
        assert_eq!(check(&root.join("a/missing/x")), Ok(()));
        symlink("loop", root.join("loop"))?;
        assert_eq!(check(&root.join("loop")), Ok(()));
        Ok(())
    }

    #[test]
    fn entries_are_checked_but_not_what_is_in_them() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        fs::create_dir_all(root.join("package/inner"))?;
        set_mode(&root.join("package/inner"), 0o777);
        assert_eq!(PathOwners::default().check_entries(&root), Ok(()));
        set_mode(&root.join("package"), 0o777);
        assert_eq!(PathOwners::default().check_entries(&root), Err(ForeignPath::Writable(root.join("package"))));
        Ok(())
    }

    #[test]
    fn a_group_is_private_if_nobody_else_is_in_it() {
        let users = "root:x:0:0:r:/:/sh\nann:x:1001:1001::/:/sh\nbob:x:1002:100::/:/sh\ncat:x:1003:1500::/:/sh\n\
                     dan:x:1004:100::/:/sh\n";
        let groups = "root:x:0:\nstaff:x:50:\nusers:x:100:\nwork:x:60:bob\nann:x:1001:root\nmany:x:1700:ann,bob\n\
                      cat:x:1500:\nadm:x:61:ann, root\n";
        let accounts = Accounts { users, groups };
        let of_ann = |group| accounts.is_private(group, 1001, 1001);
        for (group, expected) in
            [(0, true), (1001, true), (50, true), (61, true), (60, false), (100, false), (1700, false), (1500, false)]
        {
            assert_eq!(of_ann(group), expected, "{group}");
        }
        assert!(accounts.is_private(1500, 1003, 1500), "named like its user");
        assert!(!accounts.is_private(100, 1002, 100), "shared by users");
        assert!(accounts.is_private(4321, 4321, 4321), "of a directory service");
        assert!(!accounts.is_private(4322, 4321, 4321));
        let shared = Accounts { users, groups: "root:x:0:bob\n" };
        assert!(!shared.is_private(0, 1001, 1001));
    }
}
