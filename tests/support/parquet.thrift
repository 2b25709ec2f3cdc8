/**
 * The structs of the Parquet format that shards contain: field ids, types and requirements as
 * in the format definition, reduced to the fields that m3it_builder writes. The conformance
 * test rejects any field that is not declared here.
 */
namespace py parquet

enum Type {
  BYTE_ARRAY = 6
}

enum ConvertedType {
  UTF8 = 0
  LIST = 3
}

enum FieldRepetitionType {
  REQUIRED = 0
  OPTIONAL = 1
  REPEATED = 2
}

enum Encoding {
  PLAIN = 0
  RLE = 3
  RLE_DICTIONARY = 8
}

enum CompressionCodec {
  UNCOMPRESSED = 0
  SNAPPY = 1
}

enum PageType {
  DATA_PAGE = 0
  DICTIONARY_PAGE = 2
}

enum BoundaryOrder {
  UNORDERED = 0
  ASCENDING = 1
  DESCENDING = 2
}

/* Schema */

struct StringType {
}

struct ListType {
}

union LogicalType {
  1: StringType STRING
  3: ListType LIST
}

struct SchemaElement {
  1: optional Type type                            // leaves only
  3: optional FieldRepetitionType repetition_type
  4: required string name
  5: optional i32 num_children                     // groups only
  6: optional ConvertedType converted_type
  10: optional LogicalType logicalType
}

/* Pages: sizes are those of the body, behind the header */

struct DataPageHeader {
  1: required i32 num_values                       // nulls included
  2: required Encoding encoding
  3: required Encoding definition_level_encoding
  4: required Encoding repetition_level_encoding
}

struct DictionaryPageHeader {
  1: required i32 num_values
  2: required Encoding encoding
  3: optional bool is_sorted
}

struct PageHeader {
  1: required PageType type
  2: required i32 uncompressed_page_size
  3: required i32 compressed_page_size
  5: optional DataPageHeader data_page_header
  7: optional DictionaryPageHeader dictionary_page_header
}

/* Footer */

struct Statistics {
  3: optional i64 null_count
  5: optional binary max_value
  6: optional binary min_value
  7: optional bool is_max_value_exact
  8: optional bool is_min_value_exact
}

struct PageEncodingStats {
  1: required PageType page_type
  2: required Encoding encoding
  3: required i32 count
}

struct ColumnMetaData {
  1: required Type type
  2: required list<Encoding> encodings
  3: required list<string> path_in_schema
  4: required CompressionCodec codec
  5: required i64 num_values
  6: required i64 total_uncompressed_size          // page headers included, like the next
  7: required i64 total_compressed_size
  9: required i64 data_page_offset
  11: optional i64 dictionary_page_offset
  12: optional Statistics statistics
  13: optional list<PageEncodingStats> encoding_stats
}

struct ColumnChunk {
  2: required i64 file_offset                      // deprecated, zero
  3: optional ColumnMetaData meta_data
  4: optional i64 offset_index_offset
  5: optional i32 offset_index_length
  6: optional i64 column_index_offset
  7: optional i32 column_index_length
}

struct RowGroup {
  1: required list<ColumnChunk> columns
  2: required i64 total_byte_size                  // uncompressed
  3: required i64 num_rows
  5: optional i64 file_offset
  6: optional i64 total_compressed_size
}

struct TypeDefinedOrder {
}

union ColumnOrder {
  1: TypeDefinedOrder TYPE_ORDER
}

struct KeyValue {
  1: required string key
  2: optional string value
}

struct FileMetaData {
  1: required i32 version
  2: required list<SchemaElement> schema           // depth first, the root first
  3: required i64 num_rows
  4: required list<RowGroup> row_groups
  5: optional list<KeyValue> key_value_metadata
  6: optional string created_by
  7: optional list<ColumnOrder> column_orders      // one per leaf
}

/* Page indexes */

struct PageLocation {
  1: required i64 offset
  2: required i32 compressed_page_size             // page header included
  3: required i64 first_row_index                  // in the row group
}

struct OffsetIndex {
  1: required list<PageLocation> page_locations
}

struct ColumnIndex {
  1: required list<bool> null_pages
  2: required list<binary> min_values
  3: required list<binary> max_values
  4: required BoundaryOrder boundary_order
  5: optional list<i64> null_counts
}
