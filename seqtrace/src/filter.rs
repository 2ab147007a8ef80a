//! stub
#![allow(warnings)]
use crate::session::update::Session; use crate::cli::Select; use crate::exit::Refusal;
#[derive(Clone,Debug)] pub struct Glob(Vec<u8>);
impl Glob { pub fn pattern(&self)->&[u8]{&self.0} }
#[derive(Clone,Debug)] pub enum Target { Path(Vec<u8>), Glob(Glob), Module(String), Function(String) }
impl Target { pub fn parse(w:&[u8], cwd:&[u8]) -> Result<Self,String> { Ok(if let Some(m)=w.strip_prefix(b"module:"){Self::Module(String::from_utf8_lossy(m).into())} else if w.contains(&b'*') {Self::Glob(Glob(w.to_vec()))} else {Self::Path(w.to_vec())}) } }
#[derive(Clone,Debug,Default)] pub struct Filter;
impl Filter { pub fn new(_:&Select)->Result<Self,Refusal>{Ok(Self)} }
#[derive(Clone,Debug,Default)] pub struct Selection { pub targets: Vec<Target>, pub filter: Filter }
impl Selection { pub fn accepts(&self, s:&Session)->bool { self.targets.is_empty() || self.targets.iter().any(|t| match t { Target::Path(p)=>*p==s.path, _=>true}) } }
pub struct Prefilter { pub names: Option<Vec<Vec<u8>>>, pub pids: Option<Vec<u32>>, pub tids: Option<Vec<u32>>, pub uids: Option<Vec<u32>>, pub comms: Option<Vec<Vec<u8>>> }
pub fn kernel_prefilter(t:&[Target], _:&Filter)->Prefilter { Prefilter{names: if t.iter().all(|t| matches!(t, Target::Path(_))) {Some(t.iter().filter_map(|t| if let Target::Path(p)=t {Some(p.rsplit(|b|*b==b'/').next().unwrap().to_vec())} else {None}).collect())} else {None},pids:None,tids:None,uids:None,comms:None} }
