#![allow(clippy::all, missing_docs)]
use seqtrace::{event::*, filter::Selection, pipeline::*, recording::*, render::*, session::{*, update::*}};
use std::time::Duration; struct Instant(Duration); impl Instant { fn now()->Self{ Self(nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()) } fn elapsed(&self)->Duration{ Self::now().0-self.0 } }
struct Null;
impl Sink for Null { fn header(&mut self,_:&Header,_:&mut Output){} fn target(&mut self,_:&TargetInfo,_:&mut Output){} fn ready(&mut self,_:&Ready,_:&mut Output){} fn update(&mut self,_:&Update,_:&mut Output){} fn end(&mut self,_:&Summary,_:&mut Output){} }
struct Res; impl Resolve for Res { fn function(&mut self,a:u64)->Symbol{Symbol{address:a,name:Some("f".into()),module:None}} fn table(&mut self,_:u64)->Option<Symbol>{None} fn path(&mut self,_:&[Vec<u8>],_:u32,_:u32,_:&Task)->Vec<u8>{b"/proc/x".to_vec()} }
fn events(sessions:u32, records:i64)->Vec<Event>{ let mut v=vec![]; let mut t=1_000_000_000u64; let mut r=12345u64; 
 let mut push=|b:Body| { r=r.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); t+=200+(r>>56); v.push(Event{time:t,cpu:(r>>62) as u16,body:b}); r };
 for key in 1..=sessions { let task=Task{pid:key+1000,tid:key+1000,uid:0,comm:b"cat".to_vec()};
  push(Body::Open(Box::new(Open{key,ret:0,task:task.clone(),file:0xffff888000000000+u64::from(key)*256,kind:FileKind::Seq{m:0xffff888000100000+u64::from(key)*512,op:2,table:OpTable{start:1,next:2,show:3,stop:4},private:0,size:0},adopted:false,own:false,names:vec![b"net".to_vec(),b"tcp".to_vec()],path_cut:false,ino:4026531841,dev:22,magic:0x9fa0,mode:5})));
  let mut index=0; let mut pos=0; let mut left=records;
  let mut st=SeqState{size:4096,..SeqState::default()};
  while left>=0 { push(Body::ReadEnter{key,task:task.clone(),pos,want:131072,state:st,via_seq_read:false});
   push(Body::PassBegin{key,tid:key+1000,index,size:4096,count:0,from:0});
   let n=left.min(40); let mut count=0;
   push(Body::Callback{key,role:Role::Start,ret:if n==0{0}else{0xffff888012340000+ (index as u64)*192},index,count:0,full:false,private:None});
   for _ in 0..n { count+=100; push(Body::Callback{key,role:Role::Show,ret:0,index,count,full:false,private:None}); index+=1; push(Body::Callback{key,role:Role::Next,ret:if index==records{0}else{0xffff888012340000+(index as u64)*192},index,count,full:false,private:None}); }
   push(Body::Callback{key,role:Role::Stop,ret:0,index,count,full:false,private:None});
   pos+=i64::from(count); st=SeqState{size:4096,from:0,count:0,index,read_pos:pos};
   push(Body::ReadExit{key,tid:key+1000,ret:count.into(),state:st}); left-=n; if n==0{break} }
  push(Body::Release{key,tid:key+1000,wrapper:Wrapper::SeqRelease,private:0,removed:false}); }
 v }
fn pipe<R:Resolve>(r:R)->Pipeline<R>{Pipeline::new(Tracker::new(r),Selection::default(),Until::default(),Box::new(Null))}
fn main(){ let ev=events(200,10_000); let n=ev.len() as f64; println!("{} events",ev.len());
 for _ in 0..3 { let e=ev.clone(); let t=Instant::now(); let mut p=pipe(Noting::new(Res)); for x in e {p.feed(x);} let a=t.elapsed(); println!("pipeline {:.0} ns/event",a.as_nanos() as f64/n);
 let e=ev.clone(); let t=Instant::now(); let mut p=pipe(Noting::new(Res)); let f=std::fs::File::create("/tmp/recbench.seqtrace").unwrap(); let mut rec=Recorder::begin(f,&Head::default(),&mut p).unwrap(); for (i,x) in e.into_iter().enumerate() {rec.feed(&mut p,x); if i%1000==0{rec.write(0).unwrap();}} rec.end(1,0).unwrap(); let b=t.elapsed(); println!("+record {:.0} ns/event, {:.2} B/event",(b-a.min(b)).as_nanos() as f64/n, rec.written() as f64/n);
 let bytes=std::fs::read("/tmp/recbench.seqtrace").unwrap(); let t=Instant::now(); let mut r=Reader::open(bytes.as_slice()).unwrap(); let mut c=0; while let Some(b)=r.batch().unwrap(){ for i in b { i.unwrap(); c+=1; } } println!("decode {:.0} ns/row ({c})",t.elapsed().as_nanos() as f64/n);
 } }
