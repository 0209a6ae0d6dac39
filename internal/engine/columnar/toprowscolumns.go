package columnar

import "github.com/pandodb/pando/internal/column"

// familyRow is the family of a row's identity: no layout has so many.
const familyRow = 0xff

// A row's identity as columns. Every row has a value in each of them.
var (
	RowKey  = column.ID{Family: familyRow, Type: column.Bytes, Name: "key"}
	RowTime = column.ID{Family: familyRow, Type: column.Int64, Name: "time"}
	RowID   = column.ID{Family: familyRow, Type: column.Int64, Name: "id"} // its bits; orders compare it unsigned
)
