//! Columns of tables, and how their values become those of Parquet.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

/// Type of the values of a column.
pub(super) trait Cell: Sized {
    type Physical: DataType;

    /// Returns the meaning of the physical values; `None`: they have no other.
    fn logical() -> Option<LogicalType> {
        None
    }

    fn physical(self) -> <Self::Physical as DataType>::T;
}

/// An address: all 64 bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) u64);

/// A wall clock time, microseconds since 1970 (UTC). Spark reads no ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wall(pub(super) i64);

/// Printable text. Copies share their bytes.
pub(super) type Text = ByteArray;

impl Cell for i64 {
    type Physical = Int64Type;

    fn physical(self) -> i64 {
        self
    }
}

impl Cell for Address {
    type Physical = Int64Type;

    fn logical() -> Option<LogicalType> {
        Some(LogicalType::integer(64, false))
    }

    fn physical(self) -> i64 {
        self.0.cast_signed()
    }
}

impl Cell for Wall {
    type Physical = Int64Type;

    fn logical() -> Option<LogicalType> {
        Some(LogicalType::timestamp(true, TimeUnit::MICROS))
    }

    fn physical(self) -> i64 {
        self.0
    }
}

impl Cell for bool {
    type Physical = BoolType;

    fn physical(self) -> Self {
        self
    }
}

impl Cell for Text {
    type Physical = ByteArrayType;

    fn logical() -> Option<LogicalType> {
        Some(LogicalType::String)
    }

    fn physical(self) -> Self {
        self
    }
}

/// Values of a column of a row group under construction.
pub(super) struct Column<C: Cell> {
    /// Values of the rows that are not null.
    values: Vec<<C::Physical as DataType>::T>,
    /// For each row 1 if it has a value, 0 if it is null: a definition level.
    defined: Vec<i16>,
}

impl<C: Cell> Default for Column<C> {
    fn default() -> Self {
        Self { values: Vec::new(), defined: Vec::new() }
    }
}

impl<C: Cell> Column<C> {
    pub(super) fn push(&mut self, value: Option<C>) {
        self.defined.push(value.is_some().into());
        self.values.extend(value.map(C::physical));
    }

    /// Returns the field of a schema.
    pub(super) fn field(name: &str) -> Result<TypePtr> {
        let builder = Type::primitive_type_builder(name, C::Physical::get_physical_type())
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(C::logical());
        builder.build().map(Arc::new)
    }

    /// Writes the values and removes them.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let mut column = group
            .next_column()?
            .ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))?;
        column.typed::<C::Physical>().write_batch(&self.values, Some(&self.defined), None)?;
        column.close()?;
        self.values.clear();
        self.defined.clear();
        Ok(())
    }
}

/// A table: rows that are not written yet.
pub(super) trait Table: Default {
    /// Name, also that of its folder.
    const NAME: &'static str;

    /// Returns the number of rows.
    fn rows(&self) -> usize;

    fn schema() -> Result<TypePtr>;

    /// Writes the rows and removes them.
    fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>)
    -> Result<()>;
}

/// Declares a table: a type of its rows, in which each field is an `Option`, and a type of its columns.
macro_rules! table {
    ($name:literal, $(#[doc = $doc:literal])+ $table:ident of $row:ident {
        $($column:ident: $cell:ty,)+
    }) => {
        #[derive(Clone, Debug, Default)]
        pub(super) struct $row {
            $(pub(super) $column: Option<$cell>,)+
        }

        $(#[doc = $doc])+
        #[derive(Default)]
        pub(super) struct $table {
            rows: usize,
            $($column: Column<$cell>,)+
        }

        impl $table {
            pub(super) fn push(&mut self, row: $row) {
                let $row { $($column,)+ } = row;
                self.rows += 1;
                $(self.$column.push($column);)+
            }
        }

        impl Table for $table {
            const NAME: &'static str = $name;

            fn rows(&self) -> usize {
                self.rows
            }

            fn schema() -> parquet::errors::Result<TypePtr> {
                let fields = vec![$(Column::<$cell>::field(stringify!($column))?,)+];
                Type::group_type_builder($name).with_fields(fields).build().map(Arc::new)
            }

            fn write<W: std::io::Write + Send>(
                &mut self,
                group: &mut SerializedRowGroupWriter<'_, W>,
            ) -> parquet::errors::Result<()> {
                self.rows = 0;
                $(self.$column.write(group)?;)+
                Ok(())
            }
        }
    };
}
pub(super) use table;

/// A table with the file that its rows are written to.
pub(super) struct TableFile<T, W: Write + Send> {
    pub(super) table: T,
    file: SerializedFileWriter<W>,
}

/// Largest number of rows of a row group: 128 Ki rows of callbacks take 30 MB before they are written.
const GROUP: usize = 128 << 10;

impl<T: Table, W: Write + Send> TableFile<T, W> {
    /// Begins a table in a file.
    pub(super) fn begin(file: W) -> io::Result<Self> {
        let schema = T::schema().map_err(io::Error::other)?;
        let properties = properties(&schema);
        let file = SerializedFileWriter::new(file, schema, properties).map_err(io::Error::other)?;
        Ok(Self { table: T::default(), file })
    }

    /// Writes the rows out if there are many.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.table.rows() < GROUP { Ok(()) } else { self.write().map_err(io::Error::other) }
    }

    fn write(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        self.table.write(&mut group)?;
        group.close()?;
        Ok(())
    }

    /// Writes the rest of the rows, and the end of the file.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.table.rows() > 0 {
            self.write().map_err(io::Error::other)?;
        }
        self.file.close().map_err(io::Error::other)?;
        Ok(())
    }
}

/// Returns the encodings of a table's columns: differences for numbers, most of which grow slowly, and a dictionary for
/// texts, of which there are few. All are readable by Spark, DuckDB, Polars and pyarrow.
fn properties(schema: &TypePtr) -> WriterPropertiesPtr {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("seqtrace ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(false);
    for field in schema.get_fields() {
        let path = ColumnPath::from(field.name());
        builder = match field.get_physical_type() {
            Physical::INT64 => builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Physical::BYTE_ARRAY => builder.set_column_dictionary_enabled(path, true),
            _ => builder,
        };
    }
    Arc::new(builder.build())
}
